//! The pages of the documentation, cut into sections, fenced blocks and links.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The path that a link from a file in `folder` leads to.
pub(crate) fn follow(folder: &Path, link: &str) -> PathBuf {
    let mut path = folder.to_path_buf();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path
}

/// A Markdown file.
pub(crate) struct Page {
    /// Path below the root, with `/` between its parts.
    pub(crate) name: String,
    text: String,
}

/// What stands under a heading of the second level, up to the next.
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// `page:line` of the fence, for messages.
    pub(crate) place: String,
    /// The section it stands in; empty before the first.
    pub(crate) section: String,
    pub(crate) text: String,
}

/// The specification, and the pages at the root of the checkout.
pub(crate) fn pages() -> Vec<Page> {
    let mut files: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)).to_vec();
    files.extend(files_below(&root().join("ir-spec"), "md"));
    files.into_iter().map(|path| Page::read(&path)).collect()
}

/// All files under a folder with this extension, in order of their paths.
pub(crate) fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let below = path.strip_prefix(root()).unwrap();
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        Self { name: parts.join("/"), text }
    }

    /// Lines with their numbers, and whether they are inside a fenced block or its fences.
    fn lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        let mut inside = false;
        self.text.lines().enumerate().map(move |(index, line)| {
            let fence = line.starts_with("```");
            inside ^= fence;
            (index + 1, line, inside || fence)
        })
    }

    pub(crate) fn sections(&self) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::new();
        for (_, line, fenced) in self.lines() {
            if let Some(name) = line.strip_prefix("## ").filter(|_| !fenced) {
                sections.push(Section { name: name.into(), text: String::new() });
            } else if let Some(section) = sections.last_mut() {
                section.text.push_str(line);
                section.text.push('\n');
            }
        }
        sections
    }

    /// The fenced blocks marked as `language`.
    pub(crate) fn blocks(&self, language: &str) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut section = String::new();
        let mut open = false;
        for (number, line, fenced) in self.lines() {
            if let Some(name) = line.strip_prefix("## ").filter(|_| !fenced) {
                section = name.into();
            } else if let Some(marked) = line.strip_prefix("```") {
                open = !open && marked == language;
                if open {
                    let place = format!("{}:{number}", self.name);
                    blocks.push(Block { place, section: section.clone(), text: String::new() });
                }
            } else if let Some(block) = blocks.last_mut().filter(|_| open) {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
        blocks
    }

    /// The targets of `[text](target)` outside of fenced blocks.
    pub(crate) fn links(&self) -> Vec<&str> {
        let lines = self.lines().filter(|(_, _, fenced)| !fenced);
        let targets = lines.flat_map(|(_, line, _)| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
        targets.collect()
    }

    /// The `code spans` outside of fenced blocks.
    pub(crate) fn code_spans(&self) -> Vec<&str> {
        let lines = self.lines().filter(|(_, _, fenced)| !fenced);
        lines.flat_map(|(_, line, _)| line.split('`').skip(1).step_by(2)).collect()
    }

    /// Whether some heading has this anchor.
    pub(crate) fn has_anchor(&self, anchor: &str) -> bool {
        let mut headings = self.lines().filter(|(_, line, fenced)| !fenced && line.starts_with('#'));
        headings.any(|(_, line, _)| slug(line.trim_start_matches('#').trim()) == anchor)
    }
}

/// The anchor that Markdown viewers give a heading.
pub(crate) fn slug(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().replace(' ', "-")
}
