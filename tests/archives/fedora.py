"""A distribution in the shape of Fedora: as few packages as let bash, coreutils and rpm run, filled
with Debian's programs; and packages that a test of dnf wants.
"""

import debian
from rpms import Package

LIBRARIES = ["/usr/lib/x86_64-linux-gnu/*.so.*"]
DBPATH = "/usr/lib/sysimage/rpm"

PASSWD = """root:x:0:0:root:/root:/bin/bash
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
nobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin
"""
GROUP = "root:x:0:\nbin:x:1:\ndaemon:x:2:\nwheel:x:10:\nnobody:x:65534:\n"

SHADOW = "root:*:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n"

OS_RELEASE = 'NAME="Shaped Linux"\nID=shaped\nVERSION_ID=1\nPLATFORM_ID="platform:s1"\n'

FOLDERS = {
    "/": 0o555, "/boot": 0o555, "/dev": 0o755, "/etc": 0o755, "/home": 0o755, "/proc": 0o555,
    "/root": 0o550, "/run": 0o755, "/sys": 0o555, "/tmp": 0o1777, "/usr": 0o755, "/usr/bin": 0o555,
    "/usr/lib": 0o555, "/usr/lib64": 0o555, "/usr/lib/sysimage": 0o755, "/usr/sbin": 0o555,
    "/usr/share": 0o755, "/var": 0o755, "/var/lib": 0o755, "/var/log": 0o755, "/var/cache": 0o755,
    "/var/tmp": 0o1777,
}
LINKS = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib", "/lib64": "usr/lib64"}

# Name, Debian's packages, files of them, and what is said beside.
FILLED = [
    ("glibc", ["libc6", "libc-bin"], [*LIBRARIES, "/usr/lib64/*", "/usr/sbin/ldconfig"],
     {"sections": {"%transfiletriggerin -P 2000000 -- /lib /usr/lib":
                   "echo ldconfig >>/var/log/triggered\n/sbin/ldconfig"},
      "requires": ["filesystem"], "provides": ["rtld(GNU_HASH)"]}),
    ("libgcc", ["libgcc-s1"], LIBRARIES, {}),
    ("ncurses-libs", ["libtinfo6"], LIBRARIES, {}),
    ("bash", ["bash"], ["/usr/bin/bash"], {"provides": ["/bin/sh", "/usr/bin/sh"]}),
    ("libacl", ["libacl1"], LIBRARIES, {}),
    ("libattr", ["libattr1"], LIBRARIES, {}),
    ("pcre2", ["libpcre2-8-0"], LIBRARIES, {}),
    ("libselinux", ["libselinux1"], LIBRARIES, {}),
    ("gmp", ["libgmp10"], LIBRARIES, {}),
    ("coreutils", ["coreutils"], ["/usr/bin/*"], {}),
    ("zlib", ["zlib1g"], LIBRARIES, {}),
    ("bzip2-libs", ["libbz2-1.0"], LIBRARIES, {}),
    ("xz-libs", ["liblzma5"], LIBRARIES, {}),
    ("libzstd", ["libzstd1"], LIBRARIES, {}),
    # Not the one for C++.
    ("lua-libs", ["liblua5.3-0"], ["/usr/lib/x86_64-linux-gnu/liblua5.3.so.*"], {}),
    ("popt", ["libpopt0"], LIBRARIES, {}),
    ("sqlite-libs", ["libsqlite3-0"], LIBRARIES, {}),
    ("libcap", ["libcap2"], LIBRARIES, {}),
    ("libgpg-error", ["libgpg-error0"], LIBRARIES, {}),
    ("libgcrypt", ["libgcrypt20"], LIBRARIES, {}),
    ("rpm-libs", ["librpm9", "librpmio9"], LIBRARIES, {}),
    ("rpm", ["rpm", "rpm-common"],
     ["/usr/bin/rpm", "/usr/bin/rpmdb", "/usr/bin/rpmkeys", "/usr/lib/rpm/macros",
      "/usr/lib/rpm/rpmrc", "/usr/lib/rpm/rpmpopt*", "/usr/lib/rpm/platform/*"],
     # Debian's keeps its database in the home folder, and asks not to be used.
     {"files": {"/usr/lib/rpm/macros.d/macros.shaped": f"%_dbpath {DBPATH}\n"},
      "requires": ["coreutils", "bash"]}),
]


def filled():
    """The packages that are filled with Debian's, each with what."""
    versions = debian.versions([deb for _, debs, _, _ in FILLED for deb in debs])
    for name, debs, wanted, more in FILLED:
        key = " ".join(f"{deb}={versions[deb]}" for deb in debs)
        package = Package(name, arch="x86_64", automatic=True, payload_key=f"{key} {wanted}", **more)
        yield package, (debs, wanted)


def plain():
    """The packages that have no programs."""
    listed = [f"%dir %attr({mode:04o}, root, root) {path}" for path, mode in FOLDERS.items()]
    yield Package(
        "setup",
        files={
            "/etc/passwd": PASSWD, "/etc/group": GROUP, "/etc/profile": "# profile\n",
            "/etc/shells": "/bin/sh\n/bin/bash\n", "/etc/shadow": SHADOW, "/etc/gshadow": "",
        },
        # What whoever makes accounts changes, as Fedora has it.
        listed=[*(f"%verify(not md5 size mtime) {attr}%config(noreplace) {file}" for file, attr in [
                    ("/etc/passwd", ""), ("/etc/group", ""), ("/etc/shadow", "%attr(0000, root, root) "),
                    ("/etc/gshadow", "%attr(0000, root, root) ")]),
                "%config(noreplace) /etc/profile", "%config /etc/shells"],
    )
    yield Package(
        "filesystem", arch="x86_64", requires=["setup"],
        sections={
            "%pretrans -p <lua>":
                'posix.mkdir("/usr")\nposix.mkdir("/usr/bin")\nposix.symlink("usr/bin", "/bin")',
            "%install": "\n".join(
                [f"mkdir -p %{{buildroot}}{path}" for path in FOLDERS]
                + [f"ln -s {to} %{{buildroot}}{link}" for link, to in LINKS.items()]
                # Fedora's has it in bash.
                + ["ln -s bash %{buildroot}/usr/bin/sh"]),
        },
        listed=[*listed, *LINKS, "/usr/bin/sh"],
    )
    yield Package(
        "shaped-release", provides=["system-release = 1"],
        files={"/usr/lib/os-release": OS_RELEASE, "/etc/system-release": "Shaped Linux 1\n"},
    )
    yield Package(
        "basesystem", requires=["setup", "filesystem", "system-release"],
        # A file that has three names.
        sections={"%install": "mkdir -p %{buildroot}/usr/lib/linked\ncd %{buildroot}/usr/lib/linked\n"
                              "echo linked >a\nln a b\nln a c"},
        listed=["/usr/lib/linked"],
    )


def one(name, version="1", **more):
    """A package with a file that says which one it is."""
    files = {f"/usr/share/packages/{name}": f"{version}\n", **more.pop("files", {})}
    return Package(name, version, files=files, **more)


def wanted_by_tests():
    """Packages of which each is for one thing that a package can do, or do wrong."""
    yield Package(
        "capable", arch="x86_64", files={"/usr/bin/capable": "#!/bin/sh\n", "/etc/capable": "x\n"},
        listed=["%attr(0750, root, wheel) %caps(cap_net_raw=ep) /usr/bin/capable",
                "%attr(0640, daemon, bin) %config(noreplace) /etc/capable"],
    )
    yield one("failing-post", requires=["/bin/sh"], sections={"%post": "echo no luck >&2\nexit 3"})
    yield one("failing-pre", requires=["/bin/sh"], sections={"%pre": "exit 4"})
    yield one("needs-absent", requires=["absent"])
    yield one("needs-needs-absent", requires=["needs-absent"])
    yield one("advising", recommends=["advised"])
    yield one("advised")
    yield one(
        "documented",
        files={"/usr/share/doc/documented/README": "read me\n", "/usr/share/words.de": "Wort\n",
               "/usr/share/words.fr": "mot\n"},
        listed=["%doc /usr/share/doc/documented/README", "%lang(de) /usr/share/words.de",
                "%lang(fr) /usr/share/words.fr", "/usr/share/packages/documented"],
    )
    yield one("triggering", requires=["/bin/sh"],
              sections={"%triggerin -- capable": "echo \"capable $2\" >>/var/log/triggered"})
    yield one("grouped-mandatory")
    yield one("grouped-default")
    yield one("grouped-optional")
    # The same for zypper, which finds groups among packages.
    yield Package("patterns-tools", provides=["pattern() = tools", "pattern-visible()"],
                  requires=["grouped-mandatory"], recommends=["grouped-default"],
                  files={"/usr/share/doc/patterns-tools": "a pattern\n"})
    for stream, version in [("one", "1"), ("two", "2")]:
        yield one("streamed", version, release=f"1.module_{stream}",
                  preamble=[f"ModularityLabel: streamed:{stream}:1:c0ffee"])
    yield one("old-name", "1")
    yield one("new-name", "2", provides=["old-name = 2"], obsoletes=["old-name < 2"])
    yield one("dracut", files={"/usr/bin/dracut": "#!/bin/sh\necho \"$*\" >>/var/log/dracut\n"})
    for version in ["1", "2"]:
        # Of several that are there, no two have a file of one name.
        yield Package(
            "kernel-core", version, provides=["installonlypkg(kernel)"],
            files={f"/usr/lib/modules/{version}/vmlinuz": "x\n"}, requires=["/bin/sh", "dracut"],
            sections={"%posttrans": f"dracut --kver {version}"},
        )
    yield one("unsigned")
    yield one("otherwise-signed")
    yield one("altered")


COMPS = """<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>tools</id><name>Tools</name><default>false</default><uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">grouped-mandatory</packagereq>
      <packagereq type="default">grouped-default</packagereq>
      <packagereq type="default">grouped-nowhere</packagereq>
      <packagereq type="optional">grouped-optional</packagereq>
    </packagelist>
  </group>
  <environment>
    <id>workshop</id><name>Workshop</name><description>d</description>
    <grouplist><groupid>tools</groupid></grouplist><optionlist></optionlist>
  </environment>
</comps>
"""

MODULES = "".join(f"""---
document: modulemd
version: 2
data:
  name: streamed
  stream: "{stream}"
  version: 1
  context: c0ffee
  arch: x86_64
  summary: A stream
  description: A stream.
  license: {{module: [none]}}
  artifacts:
    rpms: ["streamed-0:{version}-1.module_{stream}.noarch"]
...
""" for stream, version in [("one", "1"), ("two", "2")])
