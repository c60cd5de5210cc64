//! The engine: walks the plan, holds what is held, tells events.
