//! The picture as SVG: sizes reckoned from the number of characters, since there is no font to
//! ask; texts are cut where they would leave their box, and whole in its tooltip.

use std::collections::BTreeMap;

use dibhost_text::svg::{Svg, fitting, xml};

use super::{Band, Box, Port, bands, short_slot};
use crate::description::Timing;
use crate::plan::Plan;

/// Pixels, all of them.
const MARGIN: usize = 20;
const PHASE_WIDTH: usize = 112;
const HOST_WIDTH: usize = 360;
const STEP_WIDTH: usize = 300;
const GAP: usize = 18;
const LINE: usize = 17;
const LANE: usize = 20;
/// Lines of one kind of wish (packages, nodes) in the host's box; the text form has them all.
const HOST_LINES: usize = 6;
/// Dark enough for text on white, and told apart by those who see fewer colours (after Okabe
/// and Ito); they come again when there are more slots.
const COLOURS: [&str; 8] =
    ["#0072b2", "#b34700", "#00795a", "#a8437f", "#5b4db0", "#8a6d00", "#2f6f8f", "#7a3b1d"];

const STYLE: &str = "text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#1d2530}\
.t{font-size:18px;font-weight:700}.p{font-size:14px;font-weight:700}.e{font-weight:700}\
.n{fill:#66717f;font-size:11px}.k{fill:#7a5a00;font-weight:700}\
.b{fill:#fff;stroke:#8b97a5}.d{fill:#fff;stroke:#8b97a5;stroke-dasharray:4 3}.h{fill:#fff8e6;stroke:#d9b75a}\
.w{fill:none;stroke-width:1.6}.o{stroke-dasharray:6 3}";

/// Names as lines that fit, with what does not told as a number.
fn wrapped(names: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let comma = if i + 1 < names.len() { "," } else { "" };
        let word = format!("{}{comma}", fitting(name, width - 12));
        let joined = lines.last().map(|last| format!("{last} {word}"));
        match joined.filter(|j| fitting(j, width) == *j) {
            Some(joined) => {
                lines.pop();
                lines.push(joined);
            }
            None if lines.len() == HOST_LINES => {
                lines.push(format!("… and {} more", names.len() - i));
                return lines;
            }
            None => lines.push(word),
        }
    }
    lines
}

/// Where a port meets its lane.
struct Tap {
    y: usize,
    gives: bool,
}

/// The wires of a slot, and how they are drawn.
struct Lane<'a> {
    slot: &'a str,
    timing: Timing,
    colour: &'static str,
    taps: Vec<Tap>,
    /// Which of the columns beside the steps.
    column: usize,
}

/// The host's lines of a band: kind (of the first line only) and text.
fn host_lines(band: &Band<'_>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (what, names) in &band.host {
        let count = if names.len() > 1 { format!(" {}", names.len()) } else { String::new() };
        let mut kind = format!("{what}{count}");
        // A list of names flows; things told by sentences have a line each.
        let sentences = names.iter().any(|n| n.contains(": "));
        let told = if sentences {
            let mut told: Vec<String> = names.iter().map(|n| fitting(n, HOST_WIDTH - 32)).collect();
            if told.len() > HOST_LINES * 2 {
                let more = told.len() - HOST_LINES * 2;
                told.truncate(HOST_LINES * 2);
                told.push(format!("… and {more} more"));
            }
            told
        } else {
            wrapped(names, HOST_WIDTH - 32)
        };
        lines.push((std::mem::take(&mut kind), String::new()));
        lines.extend(told.into_iter().map(|text| (String::new(), text)));
    }
    lines
}

fn box_height(step: &Box<'_>) -> usize {
    26 + step.ports.len() * LINE + if step.ports.is_empty() { 0 } else { 6 }
}

fn band_height(band: &Band<'_>) -> usize {
    let steps: usize = band.steps.iter().map(|s| box_height(s) + 10).sum();
    let host = host_lines(band).len();
    let host = if host == 0 { 0 } else { host * LINE + 24 };
    steps.max(host).max(30) + 14
}

impl Plan {
    /// The plan as a picture: SVG 1.1, that nothing outside is needed for.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let bands = bands(self);
        let steps_at = MARGIN + PHASE_WIDTH + HOST_WIDTH + GAP;
        let lanes_at = steps_at + STEP_WIDTH + GAP;
        let top = 84;
        let lanes = lanes(&bands, top);
        let columns = lanes.values().map(|l| l.column + 1).max().unwrap_or_default();
        let width = lanes_at + columns * LANE + MARGIN;
        let body: usize = bands.iter().map(band_height).sum();
        let height = top + body + 30 + lanes.len() * LINE + MARGIN;

        let mut svg = Svg::default();
        svg.push(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">"
        ));
        svg.push(format_args!(
            "<title>{}</title>",
            xml(&format!("The plan of {}", self.image.name))
        ));
        svg.push(format_args!("<style>{STYLE}</style>"));
        svg.push(format_args!("<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>"));
        self.heading(&mut svg);
        let mut y = top;
        for (i, band) in bands.iter().enumerate() {
            let height = band_height(band);
            let shade = if i % 2 == 0 { "#eef2f7" } else { "#f7f9fb" };
            svg.push(format_args!(
                "<rect x=\"0\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{shade}\"/>"
            ));
            svg.text(MARGIN, y + 28, "p", band.phase.name());
            host_box(&mut svg, band, y + 10);
            y += height;
        }
        // Wires first, so that boxes and dots lie on them.
        for lane in lanes.values() {
            lane.draw(&mut svg, steps_at + STEP_WIDTH, lanes_at);
        }
        let mut y = top;
        for band in &bands {
            let mut at = y + 10;
            for step in &band.steps {
                step_box(&mut svg, step, (steps_at, at), &lanes);
                at += box_height(step) + 10;
            }
            y += band_height(band);
        }
        legend(&mut svg, &lanes, y + 30);
        svg.push("</svg>");
        svg.out
    }

    fn heading(&self, svg: &mut Svg) {
        let formats: Vec<&str> = self.image.formats.iter().map(|f| f.name()).collect();
        let title = format!("{} ({}): {}", self.image.name, self.image.arch, formats.join(", "));
        // Its letters are half as large again.
        let most = MARGIN + PHASE_WIDTH + HOST_WIDTH + STEP_WIDTH;
        svg.text(MARGIN, 32, "t", &fitting(&title, most * 6 / 10));
        svg.text(MARGIN, 54, "n", "Phases from top to bottom: in each the host carries out wishes, then the steps run as they stand.");
        svg.text(MARGIN, 70, "n", "A wire is a slot: ● gives, ◀ reads. Dashed: steps that only plan, values that are observed while building.");
    }
}

fn host_box(svg: &mut Svg, band: &Band<'_>, y: usize) {
    let lines = host_lines(band);
    if lines.is_empty() {
        return;
    }
    let x = MARGIN + PHASE_WIDTH;
    svg.push("<g>");
    let all: Vec<String> =
        band.host.iter().map(|(what, names)| format!("{what}: {}", names.join(", "))).collect();
    svg.push(format_args!("<title>{}</title>", xml(&all.join("; "))));
    svg.rect((x, y, HOST_WIDTH, lines.len() * LINE + 14), "h");
    for (i, (kind, text)) in lines.iter().enumerate() {
        let y = y + 20 + i * LINE;
        if kind.is_empty() {
            svg.text(x + 22, y, "", text);
        } else {
            svg.text(x + 10, y, "k", kind);
        }
    }
    svg.push("</g>");
}

fn step_box(
    svg: &mut Svg,
    step: &Box<'_>,
    (x, y): (usize, usize),
    lanes: &BTreeMap<&str, Lane<'_>>,
) {
    let class = match step.is_host {
        true => "h",
        false if step.notes.iter().any(|n| n == "planned only") => "d",
        false => "b",
    };
    svg.push("<g>");
    let notes = step.notes.join(", ");
    svg.push(format_args!("<title>{}</title>", xml(format!("{} {notes}", step.name).trim_end())));
    svg.rect((x, y, STEP_WIDTH, box_height(step)), class);
    let name = fitting(&step.name, STEP_WIDTH - 20);
    let notes = fitting(&notes, (STEP_WIDTH - 28).saturating_sub(name.chars().count() * 7));
    svg.push(format_args!(
        "<text x=\"{}\" y=\"{}\"><tspan class=\"e\">{}</tspan> <tspan class=\"n\">{}</tspan></text>",
        x + 10,
        y + 18,
        xml(&name),
        if notes.chars().count() > 2 { xml(&notes) } else { String::new() }
    ));
    for (i, port) in step.ports.iter().enumerate() {
        let y = y + 26 + i * LINE + 10;
        let verb = if port.gives { "gives" } else { "reads" };
        let colour = lanes.get(port.slot).map_or("#66717f", |l| l.colour);
        let nobody = match (port.joined, port.gives) {
            (true, _) => "",
            (false, true) => " (to nobody)",
            (false, false) => " (from nobody)",
        };
        let slot = fitting(&format!("{}{nobody}", short_slot(port.slot)), STEP_WIDTH - 74);
        svg.push(format_args!(
            "<text x=\"{}\" y=\"{}\"><tspan class=\"n\">{verb}</tspan> <tspan fill=\"{colour}\">{}</tspan></text>",
            x + 18,
            y + 4,
            xml(&slot)
        ));
        let edge = x + STEP_WIDTH;
        if port.joined && !port.gives {
            svg.push(format_args!("<path d=\"M{} {y}l9 -4.5v9z\" fill=\"{colour}\"/>", edge));
        }
    }
    svg.push("</g>");
}

/// A lane for each slot that somebody gives and somebody reads, in as few columns as they fit.
fn lanes<'a>(bands: &[Band<'a>], top: usize) -> BTreeMap<&'a str, Lane<'a>> {
    let mut lanes: BTreeMap<&str, Lane<'_>> = BTreeMap::new();
    let mut y = top;
    for band in bands {
        let mut at = y + 10;
        for step in &band.steps {
            for (i, port) in step.ports.iter().enumerate().filter(|(_, p)| p.joined) {
                let Port { slot, timing, gives, .. } = *port;
                let lane = lanes.entry(slot).or_insert_with(|| Lane {
                    slot,
                    timing,
                    colour: "",
                    taps: Vec::new(),
                    column: 0,
                });
                lane.taps.push(Tap { y: at + 26 + i * LINE + 10, gives });
            }
            at += box_height(step) + 10;
        }
        y += band_height(band);
    }
    for (i, lane) in lanes.values_mut().enumerate() {
        lane.colour = COLOURS[i % COLOURS.len()];
    }
    // Short ones stand next to the steps: fewer wires cross.
    let mut order: Vec<(usize, usize, &str)> = lanes
        .values()
        .map(|lane| {
            let (from, to) = lane.span();
            (to - from, from, lane.slot)
        })
        .collect();
    order.sort_unstable();
    let mut taken: Vec<Vec<(usize, usize)>> = Vec::new();
    for (_, _, slot) in order {
        let Some(lane) = lanes.get_mut(slot) else { continue };
        let (from, to) = lane.span();
        let free =
            |column: &Vec<(usize, usize)>| column.iter().all(|(a, b)| to + 6 < *a || *b + 6 < from);
        let column = taken.iter().position(free).unwrap_or_else(|| {
            taken.push(Vec::new());
            taken.len() - 1
        });
        taken[column].push((from, to));
        lane.column = column;
    }
    lanes
}

impl Lane<'_> {
    fn span(&self) -> (usize, usize) {
        let ys = || self.taps.iter().map(|t| t.y);
        (ys().min().unwrap_or_default(), ys().max().unwrap_or_default())
    }

    fn draw(&self, svg: &mut Svg, boxes_end: usize, lanes_at: usize) {
        let x = lanes_at + self.column * LANE + LANE / 2;
        let (from, to) = self.span();
        let observed = if self.timing == Timing::Observed { " o" } else { "" };
        let colour = self.colour;
        svg.push(format_args!("<g stroke=\"{colour}\" fill=\"{colour}\">"));
        svg.push(format_args!("<title>{}</title>", xml(self.slot)));
        svg.push(format_args!("<path class=\"w{observed}\" d=\"M{x} {from}V{to}\"/>"));
        for tap in &self.taps {
            let (start, y) = (if tap.gives { boxes_end } else { boxes_end + 8 }, tap.y);
            svg.push(format_args!("<path class=\"w{observed}\" d=\"M{start} {y}H{x}\"/>"));
            let size = if tap.gives { 4.0 } else { 2.0 };
            svg.push(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{size}\"/>"));
        }
        svg.push("</g>");
    }
}

fn legend(svg: &mut Svg, lanes: &BTreeMap<&str, Lane<'_>>, y: usize) {
    for (i, lane) in lanes.values().enumerate() {
        let y = y + i * LINE;
        let observed = if lane.timing == Timing::Observed { " o" } else { "" };
        let colour = lane.colour;
        svg.push(format_args!(
            "<path class=\"w{observed}\" stroke=\"{colour}\" d=\"M{MARGIN} {}h34\"/>",
            y - 4
        ));
        let given = lane.taps.iter().filter(|t| t.gives).count();
        let read = lane.taps.len() - given;
        let told =
            format!("{} ({}): given by {given}, read by {read}", lane.slot, lane.timing.name(),);
        svg.text(MARGIN + 44, y, "", &told);
    }
}
