//! A folder beside the definition, placed into an image by an element that is given it.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, disk};

const DEFINITION: &str = "\
[image]
name = \"site\"
elements = [\"fake-os\", \"site\"]
formats = [\"raw\"]

[inputs.mine]
path = \"public\"

[parameters.site]
source = \"mine\"

[grants.fake-os]
facts = [\"dib:os/distribution@1\"]
rootfs = [\"write /\"]

[grants.site]
inputs = [\"parameter source\"]
rootfs = [\"write /srv/site\", \"write /etc/site.list\"]
";

#[test]
fn a_folder_of_the_definition_is_in_the_image_with_its_modes_and_in_the_plan_by_its_digest()
-> Result<()> {
    let dibhost = dibhost()?;
    dibhost.write("site.toml", DEFINITION)?;
    dibhost.write("public/index.html", "<h1>Hello</h1>")?;
    let program = dibhost.write("public/bin/run", "#!/bin/sh\n")?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o775))?;

    let plan = dibhost.run(&["plan", "site.toml"])?.expect_code(0)?.stdout;
    ensure!(plan.contains("mine  public  folder of 3, 24 B  sha256:"), "{plan}");
    ensure!(
        plan.contains("file /etc/site.list: \"bin\\nbin/run\\nindex.html\\n\", by site"),
        "{plan}"
    );

    dibhost.run(&["build", "site.toml", "-o", "site"])?.expect_code(0)?;
    let raw = dibhost.folder().join("site.raw");
    let read = |path: &str| -> Result<String> {
        let content = disk::read_file(&raw, path)?.with_context(|| format!("no {path}"))?;
        Ok(String::from_utf8(content)?)
    };
    ensure!(read("/srv/site/index.html")? == "<h1>Hello</h1>");
    ensure!(read("/etc/site.list")? == "bin\nbin/run\nindex.html\n");
    let stat = disk::stat(&raw, "/srv/site/bin/run")?;
    ensure!(stat.contains("Mode:  0755"), "{stat}");

    // The same again, from elsewhere, is the same image; another byte is another plan.
    let first = std::fs::read(&raw)?;
    std::fs::rename(dibhost.folder().join("public"), dibhost.folder().join("moved"))?;
    dibhost.write("site.toml", &DEFINITION.replace("public", "moved"))?;
    dibhost.run(&["build", "site.toml", "-o", "site"])?.expect_code(0)?;
    ensure!(std::fs::read(&raw)? == first, "another place made another image");
    dibhost.write("other.toml", &DEFINITION.replace("public", "other"))?;
    dibhost.write("other/index.html", "<h1>Bye</h1>")?;
    let difference = dibhost.run(&["plan", "--diff", "site.toml", "other.toml"])?.expect_code(0)?;
    ensure!(difference.stdout.contains("The input `mine` differs: "), "{}", difference.stdout);

    std::os::unix::net::UnixListener::bind(dibhost.folder().join("other/socket"))?;
    let refused = dibhost.run(&["plan", "other.toml"])?.expect_code(2)?;
    let words = "other.toml:7:8: the input `mine` has `socket` in it, which is a socket";
    ensure!(refused.stderr.contains(words), "{}", refused.stderr);
    Ok(())
}
