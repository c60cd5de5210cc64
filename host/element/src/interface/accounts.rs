//! `accounts`: wishes for users and groups.

use dibhost_plan::grant::Right;
use dibhost_plan::wish::Wish;
use dibhost_text::harmless;
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::accounts;
use crate::convert;
use crate::held::handles::Secret;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    accounts::add_to_linker::<_, Own>(linker, hooked)
}

impl accounts::Host for State {
    fn ensure_user(&mut self, user: accounts::User) -> Result<(), Refusal> {
        self.planning("an account cannot be wished for")?;
        self.grant(Right::Accounts(user.name.as_str().into()))?;
        self.extensions(&user.extensions, || format!("the user `{}`", harmless(&user.name, 100)))?;
        self.wish(vec![Wish::User(convert::user(user)?)])
    }

    fn ensure_group(&mut self, name: String, gid: Option<u32>) -> Result<(), Refusal> {
        self.planning("a group cannot be wished for")?;
        self.grant(Right::Accounts(name.as_str().into()))?;
        self.wish(vec![Wish::Group { name, gid }])
    }

    fn set_password(&mut self, user: String, password: Resource<Secret>) -> Result<(), Refusal> {
        self.planning("a password cannot be wished for")?;
        let parameter = self.table.get(&password)?.parameter.clone();
        self.wish(vec![Wish::Password { user, parameter }])
    }
}
