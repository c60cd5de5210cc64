//! What is run around the program: installing it, packaging it, showing what it made.

mod apt_get;
mod deb;
mod install;
mod links;
mod publish;
mod show_image;
mod taplo;
