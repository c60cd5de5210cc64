//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use site::Site;

#[test]
fn the_files_of_the_site_are_placed_and_listed() {
    let mut host = TestHost::new()
        .parameter("source", "mine")
        .parameter("owner", "33")
        .input_file("mine", "index.html", "<h1>Hello</h1>")
        .input_file("mine", "about/index.html", "<h1>About</h1>");
    host.plan::<Site>(Phase::Install).unwrap();
    host.run::<Site>(Phase::Install).unwrap();
    assert_eq!(host.text("/etc/site.list"), "about\nabout/index.html\nindex.html\n");
    assert_eq!(host.text("/srv/site/about/index.html"), "<h1>About</h1>");
    assert_eq!(host.stat("/srv/site/index.html").unwrap().uid, 33);
}
