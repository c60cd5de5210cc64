//! todo
#[derive(Debug)] pub struct Planned; 
#[derive(Debug)] pub struct Ran; 
#[derive(Debug)] pub struct TestHost;
