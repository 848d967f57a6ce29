//! Where the boxes of a graph go: in layers from top to bottom, without overlap.
//!
//! After K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system structures": layers by longest
//! path, order within a layer by the mean position of neighbours, then coordinates. Every edge has a place of its own halfway, as
//! wide as its label, so that labels overlap nothing either: boxes are in the even layers and labels in the odd ones.

/// Space between neighbours of a layer.
const GAP: f64 = 26.0;
/// Space between layers.
const LAYER_GAP: f64 = 20.0;
/// Width of an edge that passes a layer without a label.
const THIN: f64 = 8.0;
/// Rounds of ordering, and of placing: each moves a place to the mean of its neighbours, so that far ones take many.
const ORDERINGS: usize = 24;
const PLACINGS: usize = 400;

/// Width and height.
pub(super) type Size = (f64, f64);

/// An edge from the box above to the box below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// The box it leaves, by number.
    pub(super) from: usize,
    /// The box it enters.
    pub(super) to: usize,
    /// The size of its label.
    pub(super) label: Size,
}

/// Places of everything, as centres.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Width and height of the drawing.
    pub(super) size: Size,
    /// The centre of each box.
    pub(super) boxes: Vec<(f64, f64)>,
    /// For each edge, the centres of the places that it passes between its boxes; its label is at the last.
    pub(super) links: Vec<Vec<(f64, f64)>>,
}

/// A box, or a place that an edge passes.
struct Place {
    layer: usize,
    size: Size,
    x: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Lays out boxes of these sizes. A link goes from a box of a lower number to one of a higher.
pub(super) fn layout(boxes: &[Size], links: &[Link]) -> Layout {
    let layers = layers(boxes.len(), links);
    let mut places: Vec<Place> = boxes.iter().zip(&layers).map(|(&size, &layer)| place(2 * layer, size)).collect();
    let mut passed = Vec::with_capacity(links.len());
    for link in links {
        let (first, last) = (places[link.from].layer + 1, places[link.to].layer);
        let mut chain = Vec::new();
        let mut before = link.from;
        for layer in first..last {
            let size = if layer + 1 == last { link.label } else { (THIN, 0.0) };
            chain.push(places.len());
            places.push(place(layer, size));
            before = join(&mut places, before, chain[chain.len() - 1]);
        }
        join(&mut places, before, link.to);
        passed.push(chain);
    }
    let mut rows = vec![Vec::new(); places.iter().map(|place| place.layer + 1).max().unwrap_or(0)];
    for (index, place) in places.iter().enumerate() {
        rows[place.layer].push(index);
    }
    order(&places, &mut rows);
    spread(&mut places, &rows);
    finish(&places, &rows, boxes.len(), &passed)
}

const fn place(layer: usize, size: Size) -> Place {
    Place { layer, size, x: 0.0, above: Vec::new(), below: Vec::new() }
}

fn join(places: &mut [Place], above: usize, below: usize) -> usize {
    places[above].below.push(below);
    places[below].above.push(above);
    below
}

/// The layer of each box: below everything it follows from, and then as far down as its uses allow.
fn layers(count: usize, links: &[Link]) -> Vec<usize> {
    let mut sorted: Vec<&Link> = links.iter().collect();
    sorted.sort_by_key(|link| link.to);
    let mut layers = vec![0usize; count];
    for link in &sorted {
        layers[link.to] = layers[link.to].max(layers[link.from] + 1);
    }
    for index in (0..count).rev() {
        let uses = links.iter().filter(|link| link.from == index).map(|link| layers[link.to]);
        layers[index] = uses.min().map_or(layers[index], |layer| layer.saturating_sub(1));
    }
    layers
}

/// Orders every layer by the mean position of the neighbours above, then below, in turn, and keeps the order with the fewest crossings.
fn order(places: &[Place], rows: &mut Vec<Vec<usize>>) {
    let mut best = (crossings(places, rows), rows.clone());
    for round in 0..ORDERINGS {
        let down = round % 2 == 0;
        let sequence: Vec<usize> = if down { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for layer in sequence {
            let at = positions(places.len(), rows);
            let mean = |&index: &usize| {
                let neighbours = if down { &places[index].above } else { &places[index].below };
                let sum: usize = neighbours.iter().map(|&neighbour| at[neighbour]).sum();
                if neighbours.is_empty() { at[index] as f64 } else { sum as f64 / neighbours.len() as f64 }
            };
            rows[layer].sort_by(|a, b| mean(a).total_cmp(&mean(b)));
        }
        let found = crossings(places, rows);
        if found < best.0 {
            best = (found, rows.clone());
        }
    }
    *rows = best.1;
}

fn positions(count: usize, rows: &[Vec<usize>]) -> Vec<usize> {
    let mut positions = vec![0; count];
    for row in rows {
        for (position, &index) in row.iter().enumerate() {
            positions[index] = position;
        }
    }
    positions
}

fn crossings(places: &[Place], rows: &[Vec<usize>]) -> usize {
    let at = positions(places.len(), rows);
    let mut count = 0;
    for row in rows {
        let ends: Vec<(usize, usize)> =
            row.iter().flat_map(|&index| places[index].below.iter().map(move |&below| (index, below))).collect();
        for (first, a) in ends.iter().enumerate() {
            let crossed = |b: &&(usize, usize)| at[a.0] < at[b.0] && at[a.1] > at[b.1];
            count += ends[first + 1..].iter().filter(crossed).count();
        }
    }
    count
}

/// Moves every place towards its neighbours, as far as the order and the widths of its layer allow.
fn spread(places: &mut [Place], rows: &[Vec<usize>]) {
    for row in rows {
        fit(places, row, &vec![0.0; row.len()]);
    }
    for round in 0..PLACINGS {
        let sequence: Vec<usize> =
            if round % 2 == 0 { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for layer in sequence {
            let row = &rows[layer];
            let wish = |&index: &usize| {
                let place = &places[index];
                let neighbours = || place.above.iter().chain(&place.below);
                let count = neighbours().count();
                let sum: f64 = neighbours().map(|&neighbour| places[neighbour].x).sum();
                if count == 0 { place.x } else { sum / count as f64 }
            };
            let wishes: Vec<f64> = row.iter().map(wish).collect();
            fit(places, row, &wishes);
        }
    }
}

/// The places of a layer as near to where they wish to be as their widths allow, in the sense of least squares: without the widths it is
/// the increasing sequence nearest to the wishes, which pooling neighbours that are out of order gives.
fn fit(places: &mut [Place], row: &[usize], wishes: &[f64]) {
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    for (position, &index) in row.iter().enumerate() {
        if position > 0 {
            offset += places[row[position - 1]].size.0 / 2.0 + GAP + places[index].size.0 / 2.0;
        }
        offsets.push(offset);
    }
    // Runs of places that touch: how many, and the sum of their wishes.
    let mut runs: Vec<(usize, f64)> = Vec::new();
    for (wish, offset) in wishes.iter().zip(&offsets) {
        let mut run = (1, wish - offset);
        while let Some(&(count, sum)) = runs.last()
            && sum * run.0 as f64 > run.1 * count as f64
        {
            runs.pop();
            run = (run.0 + count, run.1 + sum);
        }
        runs.push(run);
    }
    let starts = runs.iter().flat_map(|&(count, sum)| std::iter::repeat_n(sum / count as f64, count));
    for ((&index, start), offset) in row.iter().zip(starts).zip(offsets) {
        places[index].x = start + offset;
    }
}

fn finish(places: &[Place], rows: &[Vec<usize>], boxes: usize, passed: &[Vec<usize>]) -> Layout {
    let left = places.iter().map(|place| place.x - place.size.0 / 2.0).fold(f64::INFINITY, f64::min);
    let right = places.iter().map(|place| place.x + place.size.0 / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let mut y = 0.0;
    let mut centres = Vec::with_capacity(rows.len());
    for row in rows {
        let height = row.iter().map(|&index| places[index].size.1).fold(0.0, f64::max);
        centres.push(y + height / 2.0);
        y += height + LAYER_GAP;
    }
    let centre = |&index: &usize| (places[index].x - left, centres[places[index].layer]);
    Layout {
        size: ((right - left).max(0.0), (y - LAYER_GAP).max(0.0)),
        boxes: (0..boxes).map(|index| centre(&index)).collect(),
        links: passed.iter().map(|chain| chain.iter().map(centre).collect()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box as its edges: left, top, right, bottom.
    fn edges((x, y): (f64, f64), (width, height): Size) -> [f64; 4] {
        [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0]
    }

    fn overlap(a: [f64; 4], b: [f64; 4]) -> bool {
        a[0] < b[2] - 1e-6 && b[0] < a[2] - 1e-6 && a[1] < b[3] - 1e-6 && b[1] < a[3] - 1e-6
    }

    #[test]
    fn boxes_and_labels_of_any_graph_overlap_nothing() {
        let mut state = 7u64;
        let mut random = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        for _ in 0..200 {
            let boxes: Vec<Size> =
                (0..random(14) + 2).map(|_| (20.0 + random(200) as f64, 20.0 + random(80) as f64)).collect();
            let mut links = Vec::new();
            for to in 1..boxes.len() {
                for _ in 0..=random(2) {
                    let from = random(to as u64) as usize;
                    links.push(Link { from, to, label: (random(120) as f64, 18.0) });
                }
            }
            let layout = layout(&boxes, &links);
            let mut shapes: Vec<[f64; 4]> =
                layout.boxes.iter().zip(&boxes).map(|(&at, &size)| edges(at, size)).collect();
            for (chain, link) in layout.links.iter().zip(&links) {
                if let Some(&at) = chain.last() {
                    shapes.push(edges(at, link.label));
                }
                assert!(layout.boxes[link.from].1 < layout.boxes[link.to].1);
            }
            for (index, &a) in shapes.iter().enumerate() {
                assert!(a[0] >= -1e-6 && a[2] <= layout.size.0 + 1e-6 && a[3] <= layout.size.1 + 1e-6, "{a:?}");
                assert!(shapes[index + 1..].iter().all(|&b| !overlap(a, b)), "{a:?} in {shapes:?}");
            }
        }
    }

    #[test]
    fn a_chain_is_straight() {
        let links: Vec<Link> = (0..4).map(|from| Link { from, to: from + 1, label: (30.0, 10.0) }).collect();
        let layout = layout(&[(50.0, 20.0); 5], &links);
        assert!(layout.boxes.iter().all(|&(x, _)| (x - 25.0).abs() < 1e-6), "{layout:?}");
    }
}
