//! Generated code has its own block. The user's names resolve in it as they do around it.
#![deny(warnings)]

mod rt {
    pub const LATE: i64 = 900;

    pub struct Power;

    impl setup_tasks::depends::SystemDependency for Power {
        fn name(&self) -> String {
            "power".to_owned()
        }

        fn bring_up<'a>(
            &'a self,
            _: &'a setup_tasks::TaskContext,
        ) -> setup_tasks::BoxFuture<'a, setup_tasks::Result<()>> {
            Box::pin(async { Ok(()) })
        }
    }

    #[setup_tasks::setup_tasks]
    pub trait Powered {
        #[setup_task("Switch it on")]
        fn switch_on(&self) {}
    }
}

mod outer {
    pub struct Settings;

    pub mod inner {
        use setup_tasks::prelude::*;

        #[derive(SetupTasks)]
        #[setup_tasks(subdir = "inner", mixins(crate::rt::Powered))]
        pub struct Inner {
            pub settings: super::Settings,
        }

        impl crate::rt::Powered for self::Inner {}

        #[setup_tasks]
        impl self::Inner {
            #[setup_task("Read the settings", order = super::super::rt::LATE, depend_on = [super::super::rt::Power])]
            fn read(&self) -> super::super::Done {
                let _: &super::Settings = &self.settings;
                Ok(())
            }
        }
    }
}

type Done = setup_tasks::Result<()>;

fn names_in_a_function() -> Vec<&'static str> {
    use setup_tasks::prelude::*;

    const FIRST: i64 = 50;
    struct Text(String);

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "local/{0}", mixins(rt::Powered))]
    struct Local(String);

    impl rt::Powered for Local {}

    #[setup_tasks]
    impl Local {
        #[setup_task("Write it", order = FIRST, hash = text)]
        fn write(&self) -> Result<()> {
            drop(Text(self.0.clone()).0);
            Ok(())
        }

        fn text(&self) -> String {
            self.0.clone()
        }
    }

    Local::setup_tasks().iter().map(|task| task.name()).collect()
}

fn main() {
    use setup_tasks::SetupTasks;
    let settings = outer::Settings;
    drop(outer::inner::Inner { settings });
    let names: Vec<_> = outer::inner::Inner::setup_tasks().iter().map(|task| task.name()).collect();
    assert_eq!(names, ["switch_on", "read"]);
    assert_eq!(names_in_a_function(), ["write", "switch_on"]);
}
