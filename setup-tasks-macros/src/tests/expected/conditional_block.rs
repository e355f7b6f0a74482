#[derive(::renamed::__private::__Configured)]
#[::renamed::__private::__discard]
enum __SetupTasks {
    #[__setup_tasks(crate = ::renamed)]
    Arguments,
    #[__setup_tasks(options options map_drive)]
    Conditional,
    Block = {
        impl Client {
            #[setup_task("Mount the share", hash = options)]
            fn mount(&self) {}
            #[cfg(unix)]
            fn options(&self) -> String {
                todo!()
            }
            #[cfg(not(unix))]
            async fn options(&self, cx: &TaskContext) -> String {
                todo!()
            }
            #[cfg_attr(windows, setup_task("Map the drive"))]
            fn map_drive(&self) {}
        }
        0
    },
}
