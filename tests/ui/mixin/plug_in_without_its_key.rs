use setup_tasks::prelude::*;

#[setup_tasks]
trait Audited {
    #[setup_task("Audit it")]
    fn audit(&self) {}
}

impl Audited for fixture_upstream::Bucket {}

setup_tasks::plug_in!(fixture_upstream::Bucket: Audited);

fn main() {}
