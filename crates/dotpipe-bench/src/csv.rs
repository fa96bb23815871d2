//! All numbers as a file of comma-separated values, one line per task, part and transport.

use std::io::{self, Write};

use crate::peers;
use crate::record::Record;
use crate::table;
use crate::task::{self, Unit};

/// Writes it. No field ever holds a comma: they are names from this program.
pub(crate) fn write(record: &Record, output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "task,part,transport,unit,median,p99,samples,ratio")?;
    for task in task::all() {
        for column in task.columns() {
            for row in table::rows() {
                let Some(samples) = record.cell(task, &column, row) else {
                    continue;
                };
                let unit = match column.unit {
                    Unit::Time => "ns",
                    Unit::Bytes => "bytes",
                    Unit::Pieces => "pieces",
                };
                let ratio = record.ratio(task, &column, row, peers::OURS);
                writeln!(
                    output,
                    "{task},{},{row},{unit},{:.3},{:.3},{},{}",
                    column.part,
                    samples.median(),
                    samples.p99(),
                    samples.count(),
                    ratio.map_or(String::new(), |ratio| format!("{ratio:.4}")),
                )?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Samples;
    use crate::task::Task;

    #[test]
    fn a_line_has_as_many_fields_as_the_first() {
        let mut record = Record::default();
        let mut samples = Samples::new();
        samples.add(5.0);
        record.add(&Task::Think(2).to_string(), "cpu", peers::OURS, &samples);
        let mut output = Vec::new();
        write(&record, &mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        let fields: Vec<_> = output.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(fields, [8, 8]);
        assert!(output.contains("\nthink-2,cpu,dotpipe,ns,5.00"));
        assert!(output.ends_with(",1,1.0000\n"));
    }
}
