//! Writes what makes volumes of other volumes.

use super::RealiseError;
use crate::gpt;
use crate::node::TableKind;
use crate::stack::Stack;

/// Writes partition tables, from the disks upwards.
pub(crate) fn tables(stack: &Stack<'_>) -> Result<(), RealiseError> {
    for table in &stack.layout.tables {
        let context = |source| RealiseError::Write { node: table.node.clone(), source };
        let partitions: Vec<_> =
            stack.layout.partitions.iter().filter(|p| p.table == table.node).collect();
        let medium = stack.medium(&table.on).map_err(context)?;
        match table.kind {
            TableKind::Gpt => gpt::write(medium.as_ref(), table, &partitions),
            TableKind::Mbr => continue,
        }
        .map_err(context)?;
    }
    Ok(())
}
