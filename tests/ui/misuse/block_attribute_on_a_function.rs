use setup_tasks::prelude::*;

#[setup_tasks]
fn paint() {}

fn main() {}
