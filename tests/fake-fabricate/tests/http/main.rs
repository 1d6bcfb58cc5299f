//! Drives the server over real HTTP: each documented answer, and each fault.

#[cfg(test)]
mod client;
#[cfg(test)]
mod command;
#[cfg(test)]
mod control;
#[cfg(test)]
mod download;
#[cfg(test)]
mod files;
#[cfg(test)]
mod ranges;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod start;
#[cfg(test)]
mod status;
#[cfg(test)]
mod transfer;
