//! The tables that are printed: median, 99th of a hundred, and the ratio to dotpipe.

use std::io::{self, Write};

use crate::peers;
use crate::peers::wine::Wine;
use crate::record::Record;
use crate::samples::Samples;
use crate::task::{self, Column, Group, Task, Unit};

/// All rows, in their order.
pub(crate) fn rows() -> impl Iterator<Item = &'static str> {
    peers::ALL.iter().map(|peer| peer.name).chain([Wine::NAME])
}

/// Prints every table that has anything in it.
pub(crate) fn print(record: &Record, output: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = rows().collect();
    print_these(record, &task::groups(), &rows, peers::OURS, output)
}

/// Prints such tables with such rows, and ratios to one of them.
pub(crate) fn print_these(
    record: &Record,
    groups: &[Group],
    rows: &[&str],
    ours: &str,
    output: &mut dyn Write,
) -> io::Result<()> {
    for group in groups {
        let columns: Vec<(Task, Column)> = group
            .tasks
            .iter()
            .flat_map(|&task| task.columns().into_iter().map(move |column| (task, column)))
            .collect();
        let rows: Vec<_> = rows
            .iter()
            .copied()
            .filter(|row| {
                let mut columns = columns.iter();
                columns.any(|(task, column)| record.cell(*task, column, row).is_some())
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        writeln!(output, "\n{}", group.title)?;
        write!(output, "{:20}", "")?;
        for (_, column) in &columns {
            write!(output, " │{:^25}", column.title)?;
        }
        write!(output, "\n{:20}", "")?;
        for _ in &columns {
            write!(output, " │{:>9}{:>9}{:>7}", "median", "p99", "ratio")?;
        }
        writeln!(output)?;
        for row in rows {
            write!(output, "{row:20}")?;
            for (task, column) in &columns {
                let ratio = record.ratio(*task, column, row, ours);
                write!(
                    output,
                    " │{}",
                    cell(record.cell(*task, column, row), column.unit, ratio)
                )?;
            }
            writeln!(output)?;
        }
    }
    Ok(())
}

fn cell(samples: Option<&Samples>, unit: Unit, ratio: Option<f64>) -> String {
    let Some(samples) = samples else {
        return format!("{:>9}{:9}{:7}", "–", "", "");
    };
    let ratio = match ratio {
        None => String::new(),
        Some(ratio) if ratio >= 100.0 => format!("{ratio:.0}"),
        Some(ratio) => format!("{ratio:.2}"),
    };
    let [median, p99] = [samples.median(), samples.p99()].map(|value| spelt(value, unit));
    format!("{median:>9}{p99:>9}{ratio:>7}")
}

/// A value with a unit that suits its size.
pub(crate) fn spelt(value: f64, unit: Unit) -> String {
    let steps: &[(f64, &str)] = match unit {
        Unit::Time => &[(1.0, " ns"), (1e3, " µs"), (1e6, " ms"), (1e9, " s")],
        Unit::Bytes => &[(1.0, " B"), (1024.0, " KiB"), (1_048_576.0, " MiB")],
        Unit::Pieces => &[(1.0, "")],
    };
    let (size, name) = steps
        .iter()
        .rev()
        .find(|(size, _)| value >= *size)
        .unwrap_or(&steps[0]);
    let number = value / size;
    match number {
        number if number >= 99.95 => format!("{number:.0}{name}"),
        number if number >= 9.995 => format!("{number:.1}{name}"),
        number => format!("{number:.2}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_the_unit_of_their_size() {
        assert_eq!(spelt(363.0, Unit::Time), "363 ns");
        assert_eq!(spelt(67_123.0, Unit::Time), "67.1 µs");
        assert_eq!(spelt(0.25, Unit::Time), "0.25 ns");
        assert_eq!(spelt(12_288.0, Unit::Bytes), "12.0 KiB");
        assert_eq!(spelt(2.0, Unit::Pieces), "2.00");
    }

    #[test]
    fn a_table_has_a_row_for_each_transport_that_was_measured() {
        let mut record = Record::default();
        let mut samples = Samples::new();
        samples.add(1000.0);
        let task = Task::OpenCallClose.to_string();
        record.add(&task, "", peers::OURS, &samples);
        samples.add(4000.0);
        samples.add(4000.0);
        record.add(&task, "", "unix-stream", &samples);
        let mut output = Vec::new();
        print(&record, &mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        assert!(output.contains("unix-stream"));
        assert!(output.contains("4.00 µs") && output.contains("   4.00"));
        assert!(!output.contains("kernel-pipe") && !output.contains("One-way stream"));
    }
}
