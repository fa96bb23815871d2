//! A chart of the main columns, as SVG: one panel each, a bar per transport, on a logarithmic scale.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{IntoSegmentedCoord, SegmentValue};
use plotters::prelude::*;

use crate::peers;
use crate::record::Record;
use crate::table::{rows, spelt};
use crate::task::{Column, Placement, Task};
use crate::transport::Kind;

type Drawn<T = ()> = Result<T, Box<dyn Error>>;

/// What is drawn: a title, a task, the number of its column.
const PANELS: [(&str, Task, usize); 8] = [
    (
        "Round trip, 64 B, awake, two processors",
        round_trip(64, Placement::Apart),
        0,
    ),
    (
        "Round trip, 64 B, awake, one processor",
        round_trip(64, Placement::Together),
        0,
    ),
    (
        "Round trip, 4 KiB, awake, two processors",
        round_trip(4096, Placement::Apart),
        0,
    ),
    (
        "Round trip, 64 B, receiver asleep",
        Task::Asleep {
            len: 64,
            placement: Placement::Apart,
        },
        0,
    ),
    ("Byte stream, 64 B: per message", stream(64), 0),
    ("Byte stream, 64 KiB: per message", stream(64 << 10), 0),
    ("Open–call–close", Task::OpenCallClose, 0),
    (
        "Processor time per message, think time 20 µs",
        Task::Think(20),
        0,
    ),
];

const fn round_trip(len: usize, placement: Placement) -> Task {
    Task::RoundTrip { len, placement }
}

const fn stream(len: usize) -> Task {
    Task::Stream {
        kind: Kind::Byte,
        len,
    }
}

const PANEL: (u32, u32) = (620, 320);
const PER_ROW: usize = 2;
const OURS: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const OTHERS: RGBColor = RGBColor(0x56, 0x80, 0xa8);

/// Draws all panels that have anything in them. Says whether there was one.
pub(crate) fn draw(record: &Record, path: &Path) -> Drawn<bool> {
    let panels: Vec<_> = PANELS
        .iter()
        .map(|(title, task, index)| (*title, bars(record, *task, &task.columns()[*index])))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    if panels.is_empty() {
        return Ok(false);
    }
    let rows = panels.len().div_ceil(PER_ROW);
    let size = (PANEL.0 * PER_ROW as u32, PANEL.1 * rows as u32);
    let whole = SVGBackend::new(path, size).into_drawing_area();
    whole.fill(&WHITE)?;
    for ((title, bars), area) in panels.iter().zip(whole.split_evenly((rows, PER_ROW))) {
        panel(title, bars, &area)?;
    }
    whole.present()?;
    Ok(true)
}

struct Bar {
    name: &'static str,
    value: f64,
    label: String,
}

fn bars(record: &Record, task: Task, column: &Column) -> Vec<Bar> {
    rows()
        .filter_map(|name| {
            let value = record.cell(task, column, name)?.median();
            let ratio = record
                .ratio(task, column, name, peers::OURS)
                .map_or(String::new(), |ratio| format!(" ({ratio:.2} ×)"));
            let label = format!("{}{ratio}", spelt(value, column.unit));
            // A logarithmic scale has no zero.
            let value = value.max(0.1);
            Some(Bar { name, value, label })
        })
        .collect()
}

fn panel(title: &str, bars: &[Bar], area: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
    let values = || bars.iter().map(|bar| bar.value);
    let least = values().fold(f64::INFINITY, f64::min);
    let most = values().fold(0.0, f64::max);
    // From the power of ten below, with room for the labels behind the longest bar.
    let from = 10f64.powf(least.log10().floor());
    let from = if from * 1.5 > least {
        from / 10.0
    } else {
        from
    };
    let to = most * (most / from).powf(0.5);
    let count = bars.len();
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(150)
        .build_cartesian_2d((from..to).log_scale(), (0..count).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|value| spelt(*value, crate::task::Unit::Time))
        .y_labels(count)
        .y_label_formatter(&|segment| match segment {
            // The first stands on top.
            SegmentValue::CenterOf(index) if *index < count => bars[count - 1 - index].name.into(),
            _ => String::new(),
        })
        .draw()?;
    chart.draw_series(bars.iter().rev().enumerate().map(|(index, bar)| {
        let colour = if bar.name == peers::OURS {
            OURS
        } else {
            OTHERS
        };
        let corners = [
            (from, SegmentValue::Exact(index)),
            (bar.value, SegmentValue::Exact(index + 1)),
        ];
        let mut bar = Rectangle::new(corners, colour.filled());
        bar.set_margin(2, 2, 0, 0);
        bar
    }))?;
    chart.draw_series(bars.iter().rev().enumerate().map(|(index, bar)| {
        let place = (bar.value * 1.05, SegmentValue::CenterOf(index));
        let style = ("sans-serif", 12).into_font();
        Text::new(bar.label.clone(), place, style)
    }))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Samples;

    #[test]
    fn a_chart_names_each_transport_and_its_value() {
        let mut record = Record::default();
        for (name, value) in [(peers::OURS, 400.0), ("unix-stream", 67_000.0)] {
            let mut samples = Samples::new();
            samples.add(value);
            record.add(
                &round_trip(64, Placement::Apart).to_string(),
                "",
                name,
                &samples,
            );
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chart.svg");
        assert!(draw(&record, &path).unwrap());
        let chart = std::fs::read_to_string(&path).unwrap();
        for text in ["dotpipe", "unix-stream", "67.0 µs"] {
            assert!(chart.contains(text), "{text}");
        }
        assert!(!draw(&Record::default(), &path).unwrap());
    }
}
