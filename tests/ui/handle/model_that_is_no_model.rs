struct Host;

fn main() {
    let layout = setup_tasks::Layout::in_memory().unwrap();
    layout.add(Host).unwrap();
}
