//! The menu, in the form that `update-grub` gives it, and what it makes it from later.

use std::fmt::Write as _;

use dibhost_element_sdk::slots::{Distribution, Kernel};
use dibhost_element_sdk::{Error, Result};

use crate::place::Place;

pub(crate) struct Menu<'a> {
    pub(crate) distribution: &'a Distribution,
    /// The first one is started.
    pub(crate) kernels: Vec<Kernel>,
    pub(crate) arguments: &'a [String],
    pub(crate) place: &'a Place,
    pub(crate) timeout: u16,
}

impl Menu<'_> {
    /// `grub.cfg`.
    pub(crate) fn text(&self) -> Result<String> {
        let mut text = String::from(
            "# Written by the dibhost element `bootloader`. `update-grub` writes it anew from\n\
             # /etc/default/grub whenever a kernel comes or goes.\n\n",
        );
        let _ =
            writeln!(text, "set default=0\nset timeout_style=menu\nset timeout={}", self.timeout);
        if let Some(serial) = Serial::of(self.arguments) {
            let terminals = serial.terminals();
            let _ = writeln!(text, "{}", serial.command());
            let _ = writeln!(text, "terminal_input {terminals}\nterminal_output {terminals}");
        }
        let _ = writeln!(text, "{}", self.place.search());
        let name = title(self.distribution);
        for (place, kernel) in self.kernels.iter().enumerate() {
            if !kernel.version.chars().all(is_plain) {
                let version = kernel.version.escape_debug();
                return Err(Error::new(format!("`{version}` is no version of a kernel")));
            }
            let title = match place {
                0 => name.clone(),
                _ => format!("{name}, with Linux {}", kernel.version),
            };
            text.push_str(&self.entry(&title, kernel)?);
        }
        Ok(text)
    }

    fn entry(&self, title: &str, kernel: &Kernel) -> Result<String> {
        let mut linux = format!(
            "\tlinux {} root={} ro",
            quoted_path(&self.place.file(&kernel.image))?,
            self.place.root
        );
        for argument in self.place.root_flags.iter().chain(self.arguments) {
            let argument = quoted(argument)
                .map_err(|problem| Error::new(format!("the argument `{argument}` {problem}")))?;
            linux.push(' ');
            linux.push_str(&argument);
        }
        let initrd = match &kernel.initramfs {
            Some(path) => format!("\tinitrd {}\n", quoted_path(&self.place.file(path))?),
            None => String::new(),
        };
        let class = &self.distribution.id;
        Ok(format!(
            "\nmenuentry '{title}' --class {class} --class gnu-linux --class os {{\n{linux}\n{initrd}}}\n"
        ))
    }
}

/// Whether what others say means itself in the files that a shell and GRUB read. Their slots have
/// schemas that say so too; what is written here boots.
///
/// # Errors
/// What does not, and whose it is.
pub(crate) fn sound(distribution: &Distribution, arguments: &[String]) -> Result<()> {
    let id = &distribution.id;
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c)) {
        return Err(Error::new(format!("`{}` is no name of a distribution", id.escape_debug())));
    }
    arguments.iter().try_for_each(|argument| {
        quoted(argument).map(drop).map_err(|problem| {
            Error::new(format!("the argument `{}` {problem}", argument.escape_debug()))
        })
    })
}

/// `/etc/default/grub`, a file that a shell reads.
pub(crate) fn settings(
    distribution: &Distribution,
    arguments: &[String],
    place: &Place,
    timeout: u16,
) -> String {
    let mut text = String::from(
        "# Written by the dibhost element `bootloader`; run `update-grub` after a change.\n\
         GRUB_DEFAULT=0\nGRUB_TIMEOUT_STYLE=menu\n",
    );
    let _ = writeln!(text, "GRUB_TIMEOUT={timeout}");
    let _ = writeln!(text, "GRUB_DISTRIBUTOR='{}'", distributor(distribution));
    // The device that the kernel is told is the one it is told now, whatever disk it is on then.
    let _ = writeln!(text, "GRUB_DEVICE={}", place.root);
    text.push_str("GRUB_DISABLE_LINUX_UUID=true\nGRUB_DISABLE_OS_PROBER=true\n");
    text.push_str("GRUB_DISABLE_RECOVERY=true\n");
    // No argument has a single quote in it: the slot's schema sees to that.
    let line = arguments.join(" ");
    let _ = writeln!(text, "GRUB_CMDLINE_LINUX_DEFAULT='{line}'\nGRUB_CMDLINE_LINUX=''");
    match Serial::of(arguments) {
        Some(serial) => {
            let _ = writeln!(text, "GRUB_TERMINAL='{}'", serial.terminals());
            let _ = writeln!(text, "GRUB_SERIAL_COMMAND='{}'", serial.command());
        }
        None => text.push_str("GRUB_TERMINAL=console\n"),
    }
    text
}

/// The PC's serial port that the kernel speaks on, as GRUB counts it.
struct Serial {
    unit: u8,
    speed: u32,
}

/// What the kernel takes when a `console=` names no speed.
const DEFAULT_SPEED: u32 = 9600;

impl Serial {
    /// Of several the last, as for the kernel.
    fn of(arguments: &[String]) -> Option<Self> {
        arguments.iter().rev().find_map(|argument| {
            let (unit, options) = {
                let port = argument.strip_prefix("console=ttyS")?;
                port.split_once(',').unwrap_or((port, ""))
            };
            let digits = options.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            Some(Self { unit: unit.parse().ok()?, speed: digits.parse().unwrap_or(DEFAULT_SPEED) })
        })
    }

    fn command(&self) -> String {
        format!("serial --unit={} --speed={}", self.unit, self.speed)
    }

    /// The screen too: whoever sits before it sees the menu as well.
    fn terminals(&self) -> &'static str {
        "console serial"
    }
}

fn distributor(distribution: &Distribution) -> String {
    let mut name = distribution.id.clone();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

/// As `update-grub` titles an entry: Ubuntu's leaves it at the name.
fn title(distribution: &Distribution) -> String {
    let name = distributor(distribution);
    if distribution.id == "ubuntu" { name } else { format!("{name} GNU/Linux") }
}

/// Characters that mean themselves in GRUB's language, outside of quotes.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.,:/+=@%~^*?![]".contains(c)
}

/// An argument of the kernel as GRUB's language says it. Double quotes are left to GRUB: it takes
/// them off and puts them on again around an argument with spaces, as the kernel wants it.
///
/// # Errors
/// What is wrong: a part of a sentence.
pub(crate) fn quoted(argument: &str) -> Result<String, &'static str> {
    if argument.is_empty() || argument.chars().any(char::is_control) {
        return Err("is empty or has control characters in it");
    }
    if argument.contains(['\'', '`', '\\', '$']) {
        return Err("has a character in it that GRUB would not pass on");
    }
    if argument.matches('"').count() % 2 == 1 {
        return Err("has a double quote that is not closed");
    }
    let outside: String = argument.split('"').step_by(2).collect();
    if outside.chars().all(is_plain) {
        return Ok(argument.to_owned());
    }
    if argument.contains('"') {
        return Err("has both quotes and characters outside of them that GRUB gives a meaning");
    }
    Ok(format!("'{argument}'"))
}

fn quoted_path(path: &str) -> Result<String> {
    if path.contains('"') {
        return Err(Error::new(format!("GRUB cannot be told of `{path}`")));
    }
    quoted(path).map_err(|problem| Error::new(format!("the path `{path}` {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_kernel_as_they_are() {
        assert_eq!(quoted("console=ttyS0,115200").unwrap(), "console=ttyS0,115200");
        assert_eq!(quoted("dyndbg=\"file a.c +p\"").unwrap(), "dyndbg=\"file a.c +p\"");
        assert_eq!(quoted("a={b;c}").unwrap(), "'a={b;c}'");
        for wrong in ["", "a\nb", "a'b", "$x", "a=\"b", "a;\"b c\""] {
            assert!(quoted(wrong).is_err(), "{wrong}");
        }
    }

    fn distribution(id: &str) -> Distribution {
        Distribution {
            id: id.to_owned(),
            version_id: String::new(),
            codename: String::new(),
            family: "debian".to_owned(),
            package_manager: "apt".to_owned(),
            init: "systemd".to_owned(),
            default_user: "debian".to_owned(),
        }
    }

    #[test]
    fn entries_are_called_as_the_system_calls_them_later() {
        assert_eq!(title(&distribution("debian")), "Debian GNU/Linux");
        assert_eq!(title(&distribution("ubuntu")), "Ubuntu");
    }

    #[test]
    fn what_others_say_ends_no_line_and_no_quotation() {
        sound(&distribution("debian"), &["quiet".to_owned(), "a={b;c}".to_owned()]).unwrap();
        for id in ["x'; reboot; '", "x\nreboot", ""] {
            assert!(sound(&distribution(id), &[]).is_err(), "{id}");
        }
        for argument in ["quiet' ; reboot '", "quiet\nset root=evil", "$(reboot)"] {
            assert!(sound(&distribution("debian"), &[argument.to_owned()]).is_err(), "{argument}");
        }
    }

    #[test]
    fn the_last_serial_port_is_grubs() {
        let serial = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
            Serial::of(&arguments).map(|s| s.command())
        };
        assert_eq!(serial(&["console=tty0", "quiet"]), None);
        assert_eq!(
            serial(&["console=ttyS0,115200n8", "console=tty0"]).as_deref(),
            Some("serial --unit=0 --speed=115200")
        );
        assert_eq!(serial(&["console=ttyS1"]).as_deref(), Some("serial --unit=1 --speed=9600"));
        assert_eq!(serial(&["console=ttyAMA0"]), None);
    }
}
