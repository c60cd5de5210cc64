//! What is run around the program: installing it, packaging it, showing what it made.

mod apt_get;
mod show_image;
