//! Plans of elements that are closures: what is refused, in which words, and what is planned.

mod elements;
mod orders;
mod refusals;
mod transactions;
mod wholes;
