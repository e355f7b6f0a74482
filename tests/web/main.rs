//! Tests of the web page: of its gate with plain requests, and of the page itself in a real browser.

mod browser;
mod changing;
mod gate;
mod hostile;
mod load;
mod picture;
mod place;
mod request;
mod watching;
