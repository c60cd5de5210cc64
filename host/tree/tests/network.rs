//! A network for programs that are granted one: what it reaches, and what it does not. All of it
//! in a network namespace of the test's own, so that nothing leaves the machine.

mod common;

use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};

use common::{compile_hostile, furnished, hostile_command, names, path};
use dibhost_tree::{Attributes, Change, Command, Programs as _, Scope, Tree as _, Worker};

/// The variable that says that the test is in its own namespaces.
const INSIDE: &str = "DIBHOST_TEST_NETWORK";

/// A way out that leads nowhere, and a second address beside the one that pasta takes over: that
/// of another machine, as far as a program can tell.
const PREPARE: &str = "
set -e
# Some machines keep it for root: pasta is nobody.
if ! setpriv --reuid 65534 --regid 65534 --clear-groups test -w /dev/net/tun; then
    mount -t tmpfs tmpfs /dev/net
    mknod -m 666 /dev/net/tun c 10 200
    chmod 666 /dev/net/tun
fi
ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 198.51.100.1/24 dev v0
ip addr add 203.0.113.5/24 dev v1
ip link set v0 up
ip link set v1 up
ip route add default via 198.51.100.2
echo nameserver 203.0.113.5 >\"$1\"
mount --bind \"$1\" /etc/resolv.conf
";

/// Says a word to whoever comes.
fn greet(listener: TcpListener, word: &'static str) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = (&stream).write_all(word.as_bytes());
        }
    });
}

fn said(worker: &mut Worker, words: &str, network: bool) -> String {
    let command = Command { network, ..hostile_command(words) };
    let output = worker.exec(&command, &mut common::ignore).unwrap();
    assert_eq!(output.status, 0, "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn program_loopback_of_the_builder_is_not_reached_and_the_network_is() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let test = "program_loopback_of_the_builder_is_not_reached_and_the_network_is";
    let output = std::process::Command::new("unshare")
        .args(["--net", "--mount", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn inside() {
    let resolver = tempfile::NamedTempFile::new().unwrap();
    let prepared = std::process::Command::new("sh")
        .args(["-c", PREPARE, "sh"])
        .arg(resolver.path())
        .status()
        .unwrap();
    assert!(prepared.success());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let outside = TcpListener::bind("203.0.113.5:0").unwrap();
    let (outside_port, _) = (port(&outside), greet(outside, "outside"));
    let loopback = TcpListener::bind("127.0.0.1:0").unwrap();
    let (loopback_port, _) = (port(&loopback), greet(loopback, "loopback"));
    let names_server = UdpSocket::bind("203.0.113.5:53").unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((_, from)) = names_server.recv_from(&mut question) {
            let _ = names_server.send_to(b"answer", from);
        }
    });

    let mut bench = furnished(None);
    let worker = &mut bench.worker;
    compile_hostile(worker);
    let before = names(worker, "/etc");
    let to_outside = format!("tcp 203.0.113.5:{outside_port}");
    assert_eq!(said(worker, &to_outside, true), "tcp: outside");
    assert_eq!(said(worker, &to_outside, false), "tcp: ENETUNREACH");
    // Neither by its own loopback, nor by the gateway, nor by the address it has from the host.
    for address in ["127.0.0.1", "198.51.100.2", "198.51.100.1"] {
        let answer = said(worker, &format!("tcp {address}:{loopback_port}"), true);
        assert!(!answer.contains("loopback"), "{address}: {answer}");
    }
    // Names are asked for over it, and the image keeps what it had.
    assert_eq!(said(worker, "resolver", true), "203.0.113.5: answer");
    assert_eq!(names(worker, "/etc"), before);
    let dangling = Change::Symlink {
        path: path("/etc/resolv.conf"),
        to: "../run/systemd/resolve/stub-resolv.conf".to_owned(),
    };
    worker.apply(&Scope::all(), &[dangling]).unwrap();
    assert_eq!(said(worker, "resolver", true), "203.0.113.5: answer");
    let own = Change::Write {
        path: path("/etc/resolv.conf"),
        content: b"nameserver 192.0.2.1\n".to_vec(),
        attributes: Attributes::default(),
    };
    worker.apply(&Scope::all(), &[Change::Remove { path: path("/etc/resolv.conf") }, own]).unwrap();
    assert_eq!(said(worker, "resolver", true), "203.0.113.5: answer");
    let kept = worker.read(&Scope::all(), &path("/etc/resolv.conf"), 0, 100).unwrap();
    assert_eq!(kept, b"nameserver 192.0.2.1\n");
    // pasta ends with its program.
    let left = std::process::Command::new("pgrep").args(["-x", "pasta.*"]).output().unwrap();
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let own = namespace("self");
    let left = String::from_utf8(left.stdout).unwrap();
    assert!(left.lines().all(|pid| namespace(pid) != own), "{left}");
}
