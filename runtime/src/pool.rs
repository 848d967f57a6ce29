//! Fork and join: the threads of parallel loops and of large matrix products.
//!
//! A compiled program forks some tens of times per call, for work of as little as a few microseconds, and promises not to allocate. So a fork costs
//! about a microsecond while the workers are still awake from the one before, and nothing is ever put on a heap or into a queue.
//!
//! - A fork has items numbered from 0 ([`run`], [`pullback_parallel`]). The thread that forks and the workers that come to help claim runs of them
//!   from one counter, long ones first, so that a thread which is slowed down by its neighbours does less. Which thread does an item is left to
//!   chance: results must not depend on it. Where there is more to say about what may start when, threads are called `together` and claim for
//!   themselves.
//! - Workers are started when a fork first asks for them ([`start`] does it in advance) and stay until the process ends. Without
//!   work a worker looks for some on its core for some microseconds, offers the core to others for some more, and then sleeps.
//! - There is one pool and it serves one fork at a time. A fork that finds it taken, by another thread or because it is itself inside an item, is
//!   done by the thread that forks alone. It would gain little: the cores are busy.
//! - No fork waits for a worker to come: what no worker has claimed is done by the thread that forks. So it does not matter whether
//!   threads could be started, and how many; and nothing can wait for ever unless an item does.
//! - An item must not unwind. If one does the process ends, for others are at work on what the stack that would be unwound holds.
//!
//! # How a fork is done
//!
//! `state` holds two numbers: how many seats are left at the fork, and how many workers are seated. Who forks describes the fork in `job`, then offers
//! seats. A worker takes a seat, which is one exchange of `state`; from then on until it gets up, the other number is not 0. When who forks finds no
//! item left to claim it withdraws the seats that are left, and waits for the other number to become 0. So
//!
//! - `job` is written only while `state` is 0 and read only by those seated; what a worker knew of `state` before it took its seat does not matter;
//! - all items are done when the wait is over: whoever claimed one is seated until it is done;
//! - what was written before the fork is seen by the items, and what they write by whoever forked (taking a seat acquires what offering it
//!   released, and the wait acquires what getting up released).

use std::cell::{Cell, UnsafeCell};
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};

/// The most threads that work on one fork, the one that forks included.
pub const MAX_THREADS: usize = 256;

/// The symbol of [`pullback_parallel`].
pub const PARALLEL: &str = "pullback_parallel";

/// What [`pullback_parallel`] calls: does the items from `begin` to `end`, the latter not included. `table` and `outer` are passed through,
/// `local` is memory that no other thread uses meanwhile.
pub type ParallelBody =
    unsafe extern "C" fn(table: *const *mut u8, local: *mut u8, begin: i64, end: i64, outer: *const i64);

/// A run of items is at most what is left, divided by this and the number of threads.
const SHARES: usize = 4;

/// How often a thread that waits looks before it offers its core to others: some microseconds.
const SPINS: u32 = 400;

/// How often a worker offers its core to others before it sleeps: with nobody else there some tens of microseconds, about what waking it costs.
const YIELDS: u32 = 150;

/// One seat, as [`Pool::state`] counts them; below are the workers seated.
const SEAT: u32 = 1 << 16;

thread_local! {
    static AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// The symbols of the pool, and their addresses in this process.
#[must_use]
pub fn symbols() -> [(&'static str, *const u8); 1] {
    [(PARALLEL, pullback_parallel as *const u8)]
}

/// How many threads a fork has that asks for `threads`: so many, or all that the machine runs at once for 0; at least 1 and at most
/// [`MAX_THREADS`]. The numbers of the threads are below this, and it is the same throughout the process.
#[must_use]
pub fn workers(threads: usize) -> usize {
    static MACHINE: OnceLock<usize> = OnceLock::new();
    let machine = || *MACHINE.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get));
    if threads == 0 { machine() } else { threads }.clamp(1, MAX_THREADS)
}

/// Whether this thread is at work on an item, so that it does a further fork alone.
#[must_use]
pub fn is_worker() -> bool {
    AT_WORK.get()
}

/// Starts the workers that a fork with `threads` threads has, unless they run already. A fork does the same, but cannot report errors.
///
/// # Errors
/// If a thread could not be started, in words; then and from then on.
pub fn start(threads: usize) -> Result<(), String> {
    POOL.start(workers(threads) - 1)
}

/// Calls `body(worker, item)` once for each item below `items`, on up to `threads` threads (0: as many as the machine runs at once), and returns when
/// all calls have. `worker` is below [`workers`]`(threads)`, and differs between calls at the same time.
///
/// The order of the calls, and which `worker` gets which item, differ from one time to the next.
pub fn run(items: usize, threads: usize, body: &(dyn Fn(usize, usize) + Sync)) {
    fork(items, threads, &|worker, run| run.for_each(|item| body(worker, item)));
}

/// The fork of generated code: calls `body(table, locals + worker · local_bytes, begin, end, outer)` for ranges of items that have each item from 0 to
/// `extent` in them once, on up to `threads` threads (0: as many as the machine runs at once), and returns when all calls have.
///
/// `worker` is below [`workers`]`(threads)`, and differs between calls at the same time. With one thread, or inside an item of another fork, all items
/// are one call. An `extent` below 1 is no items.
///
/// # Safety
/// `body` may be called with any ranges of items below `extent`, in any order, those without common items at the same time from several threads.
/// `locals` has `local_bytes`, which is not negative, for each of `workers(threads)` threads; a negative `threads` is not allowed.
pub unsafe extern "C" fn pullback_parallel(
    table: *const *mut u8,
    body: ParallelBody,
    extent: i64,
    locals: *mut u8,
    local_bytes: i64,
    threads: i64,
    outer: *const i64,
) {
    let call = Call { table, body, locals, local_bytes: local_bytes as usize, outer };
    // SAFETY: the caller's promises; `fork` gives out each item once and keeps to the number of threads.
    fork(extent.max(0) as usize, threads as usize, &|worker, run| unsafe { call.run(worker, run) });
}

/// The arguments of [`pullback_parallel`] that all threads share.
struct Call {
    table: *const *mut u8,
    body: ParallelBody,
    locals: *mut u8,
    local_bytes: usize,
    outer: *const i64,
}

// SAFETY: the pointers are only passed on, to a function of which the caller of `pullback_parallel` says that several threads may call it.
unsafe impl Sync for Call {}

impl Call {
    unsafe fn run(&self, worker: usize, run: Range<usize>) {
        // SAFETY: the promises made to `pullback_parallel`.
        unsafe {
            let local = self.locals.add(worker * self.local_bytes);
            (self.body)(self.table, local, run.start as i64, run.end as i64, self.outer);
        }
    }
}

/// Calls `body(worker, run)` for runs of items that have each of them once.
fn fork(items: usize, threads: usize, body: &(impl Fn(usize, Range<usize>) + Sync)) {
    let workers = workers(threads).min(items);
    if workers <= 1 || is_worker() {
        return if items > 0 {
            body(0, 0..items)
        };
    }
    let claimed = Apart(AtomicUsize::new(0));
    together(workers, &|worker| {
        let mut begin = claimed.0.load(Relaxed);
        while begin < items {
            let end = begin + ((items - begin) / (SHARES * workers)).max(1);
            begin = match claimed.0.compare_exchange_weak(begin, end, Relaxed, Relaxed) {
                Ok(_) => {
                    body(worker, begin..end);
                    claimed.0.load(Relaxed)
                }
                Err(now) => now,
            };
        }
    });
}

/// Calls `body(0)` on this thread, and `body(worker)` on other ones that come while it runs, `threads` in all at most (0: as many as the machine runs
/// at once); returns when all calls have. The call on this thread returns only when all work is done or claimed by the other ones: it can be the only call.
pub(crate) fn together(threads: usize, body: &Body<'_>) {
    let workers = workers(threads);
    if workers == 1 || is_worker() || !POOL.fork(workers, body) {
        body(0);
    }
}

/// What the threads of a fork call with their numbers.
type Body<'a> = dyn Fn(usize) + Sync + 'a;

/// What a fork is to do.
#[derive(Clone, Copy)]
struct Job {
    body: &'static Body<'static>,
    /// The threads, the one that forks included.
    workers: usize,
}

/// On cache lines of its own: processors fetch them in pairs.
#[repr(align(128))]
struct Apart<T>(T);

/// What others know of a worker.
struct Worker {
    /// Whether it sleeps, or is about to, and nobody is waking it. Who makes this false counts it off `Pool::asleep`.
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

/// All that threads share; see the [module](self).
struct Pool {
    /// Whether somebody forks.
    taken: Apart<AtomicBool>,
    /// `SEAT` times the seats left, plus the workers seated.
    state: Apart<AtomicU32>,
    job: Apart<UnsafeCell<Option<Job>>>,
    /// How many workers sleep, or are about to.
    asleep: Apart<AtomicUsize>,
    /// How many workers there are.
    started: AtomicUsize,
    /// Held while threads are started; why the last one could not be.
    starting: Mutex<Result<(), String>>,
    workers: [Apart<Worker>; MAX_THREADS - 1],
}

// SAFETY: the only part that is not `Sync` is `job`; it is written by the thread that has `taken` the pool while nobody is seated, and
// read by those seated. A body may be called by several threads at once.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool {
    taken: Apart(AtomicBool::new(false)),
    state: Apart(AtomicU32::new(0)),
    job: Apart(UnsafeCell::new(None)),
    asleep: Apart(AtomicUsize::new(0)),
    started: AtomicUsize::new(0),
    starting: Mutex::new(Ok(())),
    workers: [const { Apart(Worker { asleep: AtomicBool::new(false), thread: OnceLock::new() }) }; MAX_THREADS - 1],
};

impl Pool {
    /// Sees to it that there are `count` workers.
    fn start(&'static self, count: usize) -> Result<(), String> {
        if self.started.load(Acquire) >= count {
            return Ok(());
        }
        let mut failed = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        failed.clone()?;
        for index in self.started.load(Acquire)..count {
            let thread = thread::Builder::new().name(format!("pullback-{}", index + 1));
            if let Err(cause) = thread.spawn(move || self.serve(index)) {
                *failed = Err(format!("thread {} of parallel work could not be started: {cause}", index + 2));
                return failed.clone();
            }
            // It has allocated what it ever will when it counts itself.
            while self.started.load(Acquire) <= index {
                thread::yield_now();
            }
        }
        Ok(())
    }

    /// Does a fork with at least two threads, unless the pool is taken; says whether it did.
    fn fork(&'static self, workers: usize, body: &Body<'_>) -> bool {
        // Without threads the items are done all the same, and whoever wants to know has asked before.
        let _ = self.start(workers - 1);
        if self.taken.0.compare_exchange(false, true, Acquire, Relaxed).is_err() {
            return false;
        }
        let no_unwinding = AbortOnDrop;
        // SAFETY: only the lifetime changes. The body is called by this thread and by those seated, and nobody is when this function returns; it
        // does not unwind.
        let body = unsafe { std::mem::transmute::<&Body<'_>, &'static Body<'static>>(body) };
        // SAFETY: this thread has taken the pool and `state` is 0, so nobody else reads or writes this.
        unsafe { *self.job.0.get() = Some(Job { body, workers }) };
        let seats = workers - 1;
        self.state.0.store(seats as u32 * SEAT, SeqCst);
        self.wake(seats);
        AT_WORK.set(true);
        body(0);
        AT_WORK.set(false);
        self.state.0.fetch_and(SEAT - 1, Relaxed);
        let mut patience = Patience::default();
        while self.state.0.load(Acquire) != 0 {
            patience.wait();
        }
        self.taken.0.store(false, Release);
        std::mem::forget(no_unwinding);
        true
    }

    /// Wakes as many workers as have to be for all seats to be taken.
    fn wake(&self, seats: usize) {
        // In the one order of these operations either this comes after a worker has said that it sleeps, and it is found here; or that
        // worker's last look at `state` comes after the seats were offered.
        let asleep = self.asleep.0.load(SeqCst);
        if asleep == 0 {
            return;
        }
        let started = self.started.load(Acquire);
        let mut wanted = seats.saturating_sub(started.saturating_sub(asleep));
        for Apart(worker) in &self.workers[..started] {
            if wanted == 0 {
                return;
            }
            if worker.asleep.load(SeqCst) && worker.asleep.swap(false, SeqCst) {
                self.asleep.0.fetch_sub(1, SeqCst);
                worker.thread.get().inspect(|thread| thread.unpark());
                wanted -= 1;
            }
        }
    }

    /// The life of a worker.
    fn serve(&'static self, index: usize) {
        let _no_unwinding = AbortOnDrop;
        let Apart(worker) = &self.workers[index];
        worker.thread.get_or_init(thread::current);
        AT_WORK.set(true);
        crate::gemm::reserve_workspace();
        self.started.store(index + 1, Release);
        loop {
            let mut patience = Patience::default();
            let seat = loop {
                match self.sit() {
                    Some(seat) => break seat,
                    None if patience.yields < YIELDS => patience.wait(),
                    None => {
                        self.sleep(worker);
                        // If it comes too late for the fork it was woken for, it is there for the next one.
                        patience = Patience::default();
                    }
                }
            };
            // SAFETY: this thread is seated, so nobody writes this.
            if let Some(job) = unsafe { *self.job.0.get() } {
                (job.body)(job.workers - seat);
            }
            self.state.0.fetch_sub(1, Release);
        }
    }

    /// Takes a seat if there is one: gives how many there were.
    fn sit(&self) -> Option<usize> {
        let mut state = self.state.0.load(Relaxed);
        while state >= SEAT {
            match self.state.0.compare_exchange_weak(state, state - SEAT + 1, Acquire, Relaxed) {
                Ok(_) => return Some((state / SEAT) as usize),
                Err(now) => state = now,
            }
        }
        None
    }

    /// Sleeps until there may be a seat.
    fn sleep(&self, worker: &Worker) {
        self.asleep.0.fetch_add(1, SeqCst);
        worker.asleep.store(true, SeqCst);
        while self.state.0.load(SeqCst) < SEAT && worker.asleep.load(SeqCst) {
            thread::park();
        }
        if worker.asleep.swap(false, AcqRel) {
            self.asleep.0.fetch_sub(1, SeqCst);
        }
    }
}

/// Waits for a moment, in which a thread first keeps its core and then offers it to others.
#[derive(Default)]
struct Patience {
    spins: u32,
    yields: u32,
}

impl Patience {
    fn wait(&mut self) {
        if self.spins < SPINS {
            self.spins += 1;
            std::hint::spin_loop();
        } else {
            self.yields = self.yields.saturating_add(1);
            thread::yield_now();
        }
    }
}

/// Ends the process when dropped, which it is when unwinding; otherwise it is forgotten.
struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        std::process::abort();
    }
}
