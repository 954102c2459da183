//! What the line charts have in common: a frame, two axes, names at line ends.

use super::axis::{Axis, label};
use super::svg::{Anchor, Svg};
use crate::demo::Strategy;

/// Units of a drawing; on a wide screen about a pixel each.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = HEIGHT - 44.0;
/// Room for the longest strategy name at a line's end.
const NAMES_WIDTH: f64 = 184.0;
/// From the end of a line to its name.
const LEADER: f64 = 16.0;
/// From one name to the next, at least.
const NAME_HEIGHT: f64 = 15.0;

/// The place of the plot in a chart with names at the line ends.
pub struct Frame {
    /// The drawing so far.
    pub svg: Svg,
    right: f64,
}

impl Frame {
    /// An empty chart.
    pub fn new(id: String) -> Frame {
        Frame { svg: Svg::new(id, WIDTH, HEIGHT), right: WIDTH - NAMES_WIDTH }
    }

    /// The left and the right end of the plot.
    pub fn horizontal(&self) -> (f64, f64) {
        (LEFT, self.right)
    }

    /// The lower and the upper end of the plot.
    pub fn vertical(&self) -> (f64, f64) {
        (BOTTOM, TOP)
    }

    /// Draws the upright axis with its lines across the plot.
    pub fn y_axis(&mut self, axis: &Axis, title: &str) {
        for tick in axis.ticks() {
            let y = axis.at(tick);
            self.svg.line("grid", (LEFT, y), (self.right, y));
            self.svg.text("tick", (LEFT - 6.0, y + 4.0), Anchor::End, &label(tick));
        }
        self.svg.text("axis", (4.0, 12.0), Anchor::Start, title);
    }

    /// Draws the level axis with these marks.
    pub fn x_axis(&mut self, axis: &Axis, ticks: &[(f64, String)], title: &str) {
        for (value, text) in ticks {
            let x = axis.at(*value);
            self.svg.line("grid", (x, TOP), (x, BOTTOM));
            self.svg.text("tick", (x, BOTTOM + 16.0), Anchor::Middle, text);
        }
        self.svg.line("base", (LEFT, BOTTOM), (self.right, BOTTOM));
        let middle = (LEFT + self.right) / 2.0;
        self.svg.text("axis", (middle, HEIGHT - 8.0), Anchor::Middle, title);
    }

    /// Draws the lines and their names at the end.
    pub fn curves(&mut self, curves: &[Curve]) {
        for curve in curves {
            self.svg.curve(&curve.class("curve"), &curve.points, curve.strategy.name());
        }
        let ends: Vec<f64> = curves.iter().map(Curve::end_y).collect();
        for (index, y) in spread(&ends) {
            self.name(&curves[index], y);
        }
    }

    fn name(&mut self, curve: &Curve, y: f64) {
        let name_x = self.right + LEADER;
        let (from, text) = match curve.points.last() {
            Some(&(x, end_y)) if !curve.leaves => {
                ((x + 2.0, end_y), curve.strategy.name().to_owned())
            }
            _ => ((self.right + 2.0, y), format!("{} ↑", curve.strategy.name())),
        };
        self.svg.line(&curve.class("leader"), from, (name_x, y));
        self.svg.text("name", (name_x + 4.0, y + 4.0), Anchor::Start, &text);
    }
}

/// One line of a chart.
pub struct Curve {
    strategy: Strategy,
    points: Vec<(f64, f64)>,
    /// Whether it ends because it goes beyond the upright axis.
    leaves: bool,
}

impl Curve {
    /// The line through `values`, up to where it leaves the plot.
    pub fn new(
        strategy: Strategy,
        x: &Axis,
        y: &Axis,
        values: impl Iterator<Item = (f64, f64)>,
    ) -> Curve {
        let mut curve = Curve { strategy, points: Vec::new(), leaves: false };
        for (level, value) in values {
            let point = (x.at(level), y.at(value));
            if value > y.high() {
                curve.leave(point.0, y.at_beyond(value));
                break;
            }
            curve.points.push(point);
        }
        curve
    }

    /// Ends the line where it crosses the upper edge on its way to a point
    /// beyond it.
    fn leave(&mut self, beyond_x: f64, beyond_y: f64) {
        self.leaves = true;
        if let Some(&(x, y)) = self.points.last() {
            let share = (y - TOP) / (y - beyond_y);
            self.points.push((x + share * (beyond_x - x), TOP));
        }
    }

    fn class(&self, what: &str) -> String {
        format!("{what} s{}", self.strategy as usize)
    }

    fn end_y(&self) -> f64 {
        self.points.last().map_or(TOP, |end| end.1)
    }
}

/// Places for names as near as possible to `ends` without covering each other,
/// as (index, place), from top to bottom.
fn spread(ends: &[f64]) -> Vec<(usize, f64)> {
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by(|&a, &b| ends[a].total_cmp(&ends[b]));
    // Names that would touch form a group, centred on the mean of their ends.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for index in order {
        let mut group = vec![index];
        while let Some(above) = groups.pop() {
            if last_place(&above, ends) + NAME_HEIGHT <= first_place(&group, ends) {
                groups.push(above);
                break;
            }
            group = [above, group].concat();
        }
        groups.push(group);
    }
    let places = |group: &Vec<usize>| {
        let first = first_place(group, ends);
        let place = |(row, &index): (usize, &usize)| (index, first + row as f64 * NAME_HEIGHT);
        group.iter().enumerate().map(place).collect::<Vec<_>>()
    };
    groups.iter().flat_map(places).collect()
}

fn first_place(group: &[usize], ends: &[f64]) -> f64 {
    let height = (group.len() - 1) as f64 * NAME_HEIGHT;
    let middle = group.iter().map(|&index| ends[index]).sum::<f64>() / group.len() as f64;
    (middle - height / 2.0).max(TOP).min(BOTTOM - height)
}

fn last_place(group: &[usize], ends: &[f64]) -> f64 {
    first_place(group, ends) + (group.len() - 1) as f64 * NAME_HEIGHT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_clear_of_each_other() {
        let places = spread(&[100.0, 104.0, 200.0, 101.0, 300.0, 310.0]);
        assert_eq!(places.iter().map(|place| place.0).collect::<Vec<_>>(), [0, 3, 1, 2, 4, 5]);
        let apart = places.windows(2).all(|pair| pair[1].1 - pair[0].1 >= NAME_HEIGHT - 1e-9);
        assert!(apart, "{places:?}");
        assert_eq!(places[3], (2, 200.0));
    }
}
