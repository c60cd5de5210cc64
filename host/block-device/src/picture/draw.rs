//! Strips as SVG.

use super::shapes::{Boxed, Class, Part, Strip};
use dibhost_text::svg::{Svg, fitting, xml};

/// Pixels, all of them.
const MARGIN: usize = 20;
const WIDTH: usize = 1080;
const GAP: usize = 6;
const LINE: usize = 16;
/// Room for a name, a size and an offset.
const LEAST_PART: usize = 112;
/// Parts beside one another; more of them go on below.
const PARTS: usize = 8;
/// How far a box stands in from the one it is in; no further where that would leave no text.
const INSET: usize = 6;
const LEAST_BOX: usize = 76;

/// Filled lightly, drawn darkly; and the other way round where the ground is dark.
const STYLE: &str = "text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#1d2530}\
.t{font-size:15px;font-weight:700}.e{font-weight:700}.n{fill:#566270}.g{fill:#fff}\
.p{fill:#eef2f7;stroke:#8b97a5}.r{fill:none;stroke:#8b97a5;stroke-dasharray:4 3}\
.c{fill:#fdeaf1;stroke:#a8437f}.v{fill:#e6f1fa;stroke:#0072b2}\
.a{fill:#fdf0e2;stroke:#b34700}.f{fill:#e4f4ee;stroke:#00795a}\
@media (prefers-color-scheme:dark){text{fill:#e6eaf0}.n{fill:#a9b4c0}.g{fill:#14181e}\
.p{fill:#232b35}.c{fill:#40202f}.v{fill:#10303f}.a{fill:#402812}.f{fill:#12362c}}";

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Partition => "p",
            Self::Free => "r",
            Self::Encryption => "c",
            Self::Group => "v",
            Self::Array => "a",
            Self::Filesystem => "f",
        }
    }
}

pub(super) fn draw(strips: &[Strip]) -> String {
    let mut svg = Svg::default();
    let mut y = MARGIN;
    for strip in strips {
        y = strip.draw(&mut svg, y);
    }
    let (width, height) = (WIDTH + 2 * MARGIN, y);
    let body = std::mem::take(&mut svg.out);
    svg.push(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">"
    ));
    let names: Vec<&str> = strips.iter().map(|strip| strip.name.as_str()).collect();
    svg.push(format_args!("<title>{}</title>", xml(&format!("Layout of {}", names.join(", ")))));
    svg.push(format_args!("<style>{STYLE}</style>"));
    svg.push(format_args!("<rect class=\"g\" width=\"{width}\" height=\"{height}\"/>"));
    svg.out.push_str(&body);
    svg.push("</svg>");
    svg.out
}

impl Strip {
    /// Draws it from `y` on; where the next one may begin.
    fn draw(&self, svg: &mut Svg, y: usize) -> usize {
        let told = format!("{} · {}", self.what, self.told.join(" · "));
        // Letters of the name are larger by a quarter, and bold.
        let name = fitting(&self.name, WIDTH / 3);
        let beside = WIDTH - name.chars().count() * 9 - 12;
        svg.push("<g>");
        svg.push(format_args!("<title>{}</title>", xml(&format!("{}: {told}", self.name))));
        svg.push(format_args!(
            "<text x=\"{MARGIN}\" y=\"{}\"><tspan class=\"t\">{}</tspan> <tspan class=\"n\" dx=\"6\">{}</tspan></text>",
            y + 14,
            xml(&name),
            xml(&fitting(&told, beside))
        ));
        svg.push("</g>");
        let mut y = y + 24;
        for row in self.parts.chunks(PARTS) {
            let height = row.iter().map(Part::height).max().unwrap_or_default();
            let mut x = MARGIN;
            for (part, width) in row.iter().zip(widths(row)) {
                part.draw(svg, (x, y, width, height));
                x += width + GAP;
            }
            y += height + GAP;
        }
        y + 18
    }
}

/// How wide each part of a row is: what all need, and the rest by the square roots of their sizes.
fn widths(row: &[Part]) -> Vec<usize> {
    let roots: Vec<usize> = row
        .iter()
        .map(|part| usize::try_from(part.size.isqrt()).unwrap_or(usize::MAX >> 16).max(1))
        .collect();
    let all: usize = roots.iter().fold(0, |sum, root| sum.saturating_add(*root));
    let rest = WIDTH - GAP * (row.len() - 1) - LEAST_PART * row.len();
    roots.iter().map(|root| LEAST_PART + rest * root / all).collect()
}

/// A line for the title, one each for the others, and the edges.
fn text_height(lines: usize) -> usize {
    (lines + 1) * LINE + 8
}

impl Part {
    fn height(&self) -> usize {
        let inner: usize = self.above.iter().map(|b| text_height(b.lines.len())).sum();
        text_height(self.lines.len()) + inner + self.above.len() * INSET
    }

    fn draw(&self, svg: &mut Svg, place: (usize, usize, usize, usize)) {
        boxed(svg, self.class, &self.title, &self.lines, place);
        let (mut x, mut y, mut width, height) = place;
        let mut end = y + height;
        y += text_height(self.lines.len());
        for Boxed { class, title, lines } in &self.above {
            if width >= LEAST_BOX + 2 * INSET {
                x += INSET;
                width -= 2 * INSET;
            }
            end -= INSET;
            boxed(svg, *class, title, lines, (x, y, width, end - y));
            y += text_height(lines.len());
        }
    }
}

/// A box with its text; where that does not fit it is whole in the tooltip.
fn boxed(
    svg: &mut Svg,
    class: Class,
    title: &str,
    lines: &[String],
    (x, y, width, height): (usize, usize, usize, usize),
) {
    svg.push("<g>");
    let all = format!("{title}: {}", lines.join(", "));
    svg.push(format_args!("<title>{}</title>", xml(&all)));
    svg.rect((x, y, width, height), class.name());
    // Bold letters are wider by a fifth.
    svg.text(x + 7, y + 16, "e", &fitting(title, (width - 12) * 10 / 12));
    for (i, line) in lines.iter().enumerate() {
        svg.text(x + 7, y + 16 + (i + 1) * LINE, "n", &fitting(line, width - 12));
    }
    svg.push("</g>");
}
