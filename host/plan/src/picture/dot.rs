//! For Graphviz: the same phases, steps and edges, laid out by `dot`.

use std::fmt::Write as _;

use dibhost_text::harmless;

use super::{Band, bands, short_slot};
use crate::Phase;
use crate::plan::Plan;

/// A string as the language has it; no string of an element can end it, nor be taken for one of
/// its escapes (`\N`, `\l`).
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in harmless(text, usize::MAX).chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn id(phase: Phase, step: &str) -> String {
    quoted(&format!("{phase}/{step}"))
}

impl Plan {
    /// The plan for Graphviz: `dot -Tpng` draws it.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut out = String::new();
        let mut line = |text: String| {
            let _ = writeln!(out, "{text}");
        };
        line(format!("digraph {} {{", quoted(&self.image.name)));
        line("  rankdir=LR; compound=true; node [shape=box, style=rounded, fontname=\"sans-serif\"]; edge [fontname=\"sans-serif\", fontsize=10];".to_owned());
        for Band { phase, host, steps } in bands(self) {
            line(format!("  subgraph {} {{", quoted(&format!("cluster {phase}"))));
            line(format!("    label={}; style=filled; color=\"#eef1f5\";", quoted(phase.name())));
            if !host.is_empty() {
                let told = host.iter().map(|(what, names)| format!("{what}: {}", names.join(", ")));
                // `\l` ends a line and sets it left: the only escape that is ours.
                let lines: Vec<String> = told
                    .map(|text| {
                        let text: String = text.chars().take(120).collect();
                        let text = quoted(&text);
                        text[1..text.len() - 1].to_owned()
                    })
                    .collect();
                let label = format!("\"{}\\l\"", lines.join("\\l"));
                let id = id(phase, "(wishes)");
                line(format!("    {id} [label={label}, style=filled, fillcolor=\"#fff6df\"];"));
            }
            for step in steps {
                let style = match (step.is_host, step.notes.iter().any(|n| n == "planned only")) {
                    (true, _) => ", style=filled, fillcolor=\"#fff6df\"",
                    (false, true) => ", style=\"rounded,dashed\"",
                    (false, false) => "",
                };
                let id = id(phase, &step.name);
                line(format!("    {id} [label={}{style}];", quoted(&step.name)));
            }
            line("  }".to_owned());
        }
        for edge in &self.edges {
            let style = match edge.timing {
                crate::description::Timing::Planned => "",
                crate::description::Timing::Observed => ", style=bold",
            };
            line(format!(
                "  {} -> {} [label={}{style}];",
                id(edge.from_phase, &edge.from_label()),
                id(edge.phase, &edge.to_label()),
                quoted(short_slot(&edge.slot))
            ));
        }
        for step in &self.steps {
            for before in &step.after {
                let (from, to) = (id(step.phase, before), id(step.phase, &step.label()));
                line(format!("  {from} -> {to} [label=\"after\", style=dotted];"));
            }
        }
        line("}".to_owned());
        out
    }
}
