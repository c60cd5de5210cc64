//! Where the definition says what its element wishes for.

use dibhost_definition::{Contents, Location, Spanned, StatedUnit};

use crate::wish::Wish;

/// The line that a wish comes of.
pub(crate) fn place<'a>(contents: &'a Contents, wish: &Wish) -> Option<&'a Location> {
    let user = |name: &str| {
        let user = contents.users.iter().find(|user| user.name.value == name)?;
        user.name.location.as_ref()
    };
    let unit = |name: &str, says: &dyn Fn(&StatedUnit) -> bool| {
        let unit = contents.units.iter().find(|unit| unit.name.value == name && says(unit))?;
        unit.name.location.as_ref()
    };
    match wish {
        Wish::Package(package) => of_package(contents, &package.name),
        Wish::Module(module) => {
            of_package(contents, &format!("@{}:{}", module.name, module.stream))
        }
        Wish::PackageGroup(group) => of_package(contents, &format!("@{}", group.id)),
        Wish::Debconf(_) => at(&contents.locale),
        Wish::Repository(wanted) => {
            let mut all = contents.repositories.iter();
            all.find(|r| r.name.value == wanted.name())?.name.location.as_ref()
        }
        Wish::File(file) => of_path(contents, &file.path),
        Wish::User(wanted) => user(&wanted.name),
        Wish::Password { user: name, .. } => user(name),
        Wish::Group { name, .. } => contents
            .users
            .iter()
            .flat_map(|user| &user.groups)
            .find(|group| group.value == *name)?
            .location
            .as_ref(),
        Wish::Service { unit: name, .. } => unit(name, &|unit| unit.state.is_some()),
        Wish::ServiceDefinition { unit: name, .. } => {
            unit(name, &|unit| unit.text.is_some() && unit.drop_in.is_none())
        }
        Wish::DropIn { unit: name, name: drop_in, .. } => {
            unit(name, &|unit| unit.drop_in.as_ref() == Some(drop_in))
        }
        Wish::Bootstrap(_)
        | Wish::UpgradeAll
        | Wish::Preset { .. }
        | Wish::Nodes(_)
        | Wish::ReplaceNode(_) => None,
    }
}

/// The line that an argument of the kernel stands in.
pub(crate) fn place_of_argument<'a>(
    contents: &'a Contents,
    argument: &str,
) -> Option<&'a Location> {
    let there = contents.kernel_arguments.iter().find(|there| there.value == argument)?;
    there.location.as_ref()
}

fn of_package<'a>(contents: &'a Contents, name: &str) -> Option<&'a Location> {
    let said = contents.packages.iter().find(|package| package.name == name);
    match said {
        Some(package) => package.location.as_ref(),
        // What another key needs.
        None if name == "tzdata" || name == "timezone" => at(&contents.timezone),
        None => at(&contents.locale),
    }
}

fn of_path<'a>(contents: &'a Contents, path: &str) -> Option<&'a Location> {
    contents.place_of_path(path).or_else(|| match path {
        "/etc/hostname" => at(&contents.hostname),
        "/etc/localtime" | "/etc/timezone" => at(&contents.timezone),
        "/etc/default/locale" | "/etc/locale.conf" => at(&contents.locale),
        _ => contents.sysctl.values().next()?.location.as_ref(),
    })
}

fn at<T>(said: &Option<Spanned<T>>) -> Option<&Location> {
    said.as_ref()?.location.as_ref()
}
