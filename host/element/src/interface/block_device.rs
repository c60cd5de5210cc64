//! `block-device`: nodes of the disk, as wishes.

use dibhost_definition::Limit;
use dibhost_plan::grant::Right;
use dibhost_plan::wish::Wish;
use wasmtime::component::Linker;

use super::hook::{Own, hooked};
use crate::bindings::dib::element::block_device;
use crate::convert;
use crate::refusal::Refusal;
use crate::state::State;
use dibhost_text::harmless;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    block_device::add_to_linker::<_, Own>(linker, hooked)
}

impl block_device::Host for State {
    fn nodes(&mut self) -> Result<Vec<block_device::Node>, Refusal> {
        self.planning("nodes cannot be read")?;
        self.grant(Right::BlockDevice)?;
        Ok(self.wishes.nodes.iter().map(convert::node_to_wit).collect())
    }

    fn add(&mut self, nodes: Vec<block_device::Node>) -> Result<(), Refusal> {
        self.planning("nodes cannot be added")?;
        self.grant(Right::BlockDevice)?;
        // Each name is looked for among all: before that, they are counted.
        self.within(Limit::Wishes, (self.wishes.nodes.len() + nodes.len()) as u64)?;
        let mut made: Vec<dibhost_block_device::Node> = Vec::with_capacity(nodes.len());
        for node in nodes {
            self.extensions(&node.extensions, || {
                format!("the node `{}`", harmless(&node.name, 100))
            })?;
            if self.wishes.nodes.iter().chain(&made).any(|n| n.name == node.name) {
                return Err(Refusal::conflict(format!(
                    "there is a node `{}` already; `replace` puts another in its place",
                    harmless(&node.name, 100)
                )));
            }
            made.push(convert::node(node)?);
        }
        self.wish(vec![Wish::Nodes(made.clone())])?;
        self.wishes.nodes.extend(made);
        Ok(())
    }

    fn replace(&mut self, node: block_device::Node) -> Result<(), Refusal> {
        self.planning("a node cannot be replaced")?;
        self.grant(Right::BlockDevice)?;
        self.extensions(&node.extensions, || format!("the node `{}`", harmless(&node.name, 100)))?;
        let node = convert::node(node)?;
        let Some(at) = self.wishes.nodes.iter().position(|n| n.name == node.name) else {
            return Err(Refusal::not_found(format!(
                "there is no node `{}` to replace",
                harmless(&node.name, 100)
            )));
        };
        self.wish(vec![Wish::ReplaceNode(node.clone())])?;
        self.wishes.nodes[at] = node;
        Ok(())
    }
}
