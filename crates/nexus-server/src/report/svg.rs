//! Drawings as text.

use std::fmt::Write;

use super::escape::escaped;

/// Where text is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// By its beginning.
    Start,
    /// By its middle.
    Middle,
    /// By its end.
    End,
}

/// A drawing of fixed proportions that grows and shrinks with the page.
/// Colours and strokes are named by class, so that they can follow the theme.
pub struct Svg {
    id: String,
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    /// An empty drawing; `id` must be unique in the page.
    pub fn new(id: String, width: f64, height: f64) -> Svg {
        Svg { id, width, height, body: String::new() }
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    /// Straight lines from point to point; `title` shows under the pointer.
    pub fn curve(&mut self, class: &str, points: &[(f64, f64)], title: &str) {
        let mut list = String::new();
        for (x, y) in points {
            let _ = write!(list, "{x:.1},{y:.1} ");
        }
        let title = escaped(title);
        self.push(format_args!(
            "<polyline class=\"{class}\" points=\"{}\"><title>{title}</title></polyline>",
            list.trim_end()
        ));
    }

    /// An upright rectangle by its upper left corner; `title` shows under the pointer.
    pub fn bar(&mut self, class: &str, corner: (f64, f64), size: (f64, f64), title: &str) {
        let ((x, y), (width, height)) = (corner, size);
        let title = escaped(title);
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"><title>{title}</title></rect>"
        ));
    }

    /// A line of text on the base line of `at`.
    pub fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let ((x, y), text) = (at, escaped(text));
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("writing to a string cannot fail");
        self.body.push('\n');
    }

    /// The drawing as a figure: `caption` above it, `description` in words for
    /// who cannot see it.
    pub fn figure(self, caption: &str, description: &str) -> String {
        let Svg { id, width, height, body } = self;
        let (caption, description) = (escaped(caption), escaped(description));
        format!(
            "<figure>\n<figcaption>{caption}</figcaption>\n\
             <svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
             <title id=\"{id}-t\">{caption}</title>\n<desc id=\"{id}-d\">{description}</desc>\n\
             {body}</svg>\n</figure>\n"
        )
    }
}
