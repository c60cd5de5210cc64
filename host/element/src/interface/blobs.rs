//! `blobs`: large data held by the host, in memory, for the length of one call of a step.

use dibhost_check::Check;
use dibhost_definition::Limit;
use dibhost_plan::digest::sha256;
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::blobs;
use crate::held::blobs::Blob;
use crate::limits::{CALL_BYTES, spoken_bytes};
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    blobs::add_to_linker::<_, Own>(linker, hooked)
}

impl State {
    /// Bytes of blobs that may still be held.
    pub(crate) fn room_for_blobs(&self) -> u64 {
        self.limit(Limit::Blobs).saturating_sub(self.blobs.held)
    }

    pub(crate) fn blob(&mut self, content: Vec<u8>) -> Result<Resource<Blob>, Refusal> {
        let bytes = content.len() as u64;
        self.within(Limit::Blobs, self.blobs.held.saturating_add(bytes))?;
        let blob = self.table.push(Blob { content: content.into() })?;
        self.blobs.held += bytes;
        Ok(blob)
    }
}

impl blobs::Host for State {
    fn from_bytes(&mut self, content: Vec<u8>) -> Result<Resource<Blob>, Refusal> {
        // No effect: in `plan` they are for `files.place`.
        self.calling("blobs cannot be made")?;
        if Check::CallBytes.holds() && content.len() > CALL_BYTES {
            return Err(Refusal::limit(format!(
                "one call hands over at most {}",
                spoken_bytes(CALL_BYTES as u64)
            )));
        }
        self.blob(content)
    }
}

impl blobs::HostBlob for State {
    fn digest(&mut self, blob: Resource<Blob>) -> Result<String, Refusal> {
        Ok(sha256(&self.table.get(&blob)?.content))
    }

    fn size(&mut self, blob: Resource<Blob>) -> Result<u64, Refusal> {
        Ok(self.table.get(&blob)?.content.len() as u64)
    }

    fn read(&mut self, blob: Resource<Blob>, offset: u64, length: u64) -> Result<Vec<u8>, Refusal> {
        let content = &self.table.get(&blob)?.content;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(CALL_BYTES);
        Ok(content[start..start.saturating_add(length).min(content.len())].to_vec())
    }

    fn drop(&mut self, blob: Resource<Blob>) -> wasmtime::Result<()> {
        let blob = self.table.delete(blob)?;
        self.blobs.held -= blob.content.len() as u64;
        Ok(())
    }
}
