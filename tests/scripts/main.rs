//! What is run around the program: installing it, packaging it, showing what it made.

mod apt_get;
mod publish;
mod show_image;
