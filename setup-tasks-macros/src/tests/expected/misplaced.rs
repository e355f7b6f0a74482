fn mount() {}
::core::compile_error! {
    "`#[setup_task]` works only inside an impl block, or a trait, with `#[setup_tasks]`\nhelp: write `#[setup_tasks]` above the `impl` or the `trait`"
}
