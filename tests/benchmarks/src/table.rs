//! The table that people read.

use crate::{
    figures::{Cell, Figures, Series, Spread},
    options::Plan,
};

/// Prints one cell.
pub fn print(plan: &Plan, cell: &Cell) {
    println!(
        "\n{}, {} B, {} partitions, {} messages, {} rounds: median (minimum to maximum), and times the hand-written loop's",
        cell.work, cell.value_bytes, plan.partitions, plan.messages, plan.rounds
    );
    println!(
        "{:<34} {:>26} {:>5}  {:>30} {:>5}  {:>22}",
        "program", "CPU-s a million", "x", "messages/s", "x", "peak RSS MiB"
    );
    for series in &cell.programs {
        println!("{}", row(cell, series));
    }
    println!();
}

fn row(cell: &Cell, series: &Series) -> String {
    let (cpu, cpu_ratio) = column(cell, series, |one| one.cpu_seconds_per_million, 2);
    let (rate, rate_ratio) = column(cell, series, |one| one.messages_per_second, 0);
    let (rss, _) = column(cell, series, |one| one.peak_rss_mib, 0);
    let Series { about, .. } = series;
    format!("{about:<34} {cpu:>26} {cpu_ratio:>5}  {rate:>30} {rate_ratio:>5}  {rss:>22}")
}

/// The spread of one figure, and its median in terms of the loop's.
fn column(
    cell: &Cell,
    series: &Series,
    figure: impl Fn(&Figures) -> f64,
    digits: usize,
) -> (String, String) {
    let Spread {
        minimum,
        median,
        maximum,
    } = series.spread(&figure);
    let ratio = cell.measure().map_or_else(String::new, |measure| {
        format!("{:.2}", median / measure.spread(&figure).median)
    });
    let text = format!("{median:.digits$} ({minimum:.digits$} to {maximum:.digits$})");
    (text, ratio)
}
