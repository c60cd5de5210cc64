//! The wishes of one call, whichever interface they came by.

use dibhost_definition::Limit;
use dibhost_plan::wish::Wish;

use crate::refusal::Refusal;
use crate::state::State;

impl State {
    /// Keeps wishes that are within the grants and sound: all of them or none.
    pub(crate) fn wish(&mut self, wishes: Vec<Wish>) -> Result<(), Refusal> {
        self.within(Limit::Wishes, (self.wishes.iter().count() + wishes.len()) as u64)?;
        for wish in &wishes {
            crate::schema::validate(wish)?;
            dibhost_plan::grant::permits(&self.call.grants, wish)
                .map_err(|missing| self.not_granted(&missing.0))?;
        }
        self.wishes.add(wishes);
        Ok(())
    }
}
