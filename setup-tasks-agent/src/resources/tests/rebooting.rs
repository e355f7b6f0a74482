//! Restarts of a machine whose programs are functions.

use std::io;
use std::sync::{Arc, Mutex};

use super::machine::Machine;
use crate::far::{Invocation, ProgramOutput, Programs, Running};
use crate::protocol::{Facts, Init};
use crate::resource::Resource;
use crate::resources::Reboot;

/// Programs that succeed, and their record.
#[derive(Default)]
struct Recorded(Mutex<Vec<String>>);

impl Programs for Recorded {
    fn run(&self, invocation: &Invocation, _: &Running) -> io::Result<ProgramOutput> {
        self.0.lock().unwrap().push(invocation.to_string());
        Ok(ProgramOutput::success(""))
    }
}

#[test]
fn a_restart_runs_the_program_of_the_init_system_and_only_if_required() {
    let recorded = Arc::new(Recorded::default());
    let mut machine = Machine::with_programs(|_| recorded.clone());
    assert!(Reboot::now().is_action());
    assert!(Reboot::now().is_due(&mut machine.far).unwrap());
    assert!(!Reboot::if_required().is_due(&mut machine.far).unwrap());
    machine.write("/run/reboot-required", "");
    assert!(Reboot::if_required().is_due(&mut machine.far).unwrap());
    machine.apply(&Reboot::if_required()).unwrap();
    machine.far = machine.far.with_facts(Facts { init: Init::Systemd, ..Facts::default() });
    machine.apply(&Reboot::now()).unwrap();
    assert_eq!(*recorded.0.lock().unwrap(), ["reboot", "systemctl --no-block reboot"]);
}
