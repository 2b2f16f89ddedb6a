//! The flags of `mmap`, each with Linux's answer; seen on Linux 7.3.4.

use super::*;

const VALIDATE: u64 = 3;
const DROPPABLE: u64 = 8;
const NONBLOCK: u64 = 0x10000;
const SYNC: u64 = 0x80000;

fn huge(log2: u64) -> u64 {
    HUGETLB | log2 << 26
}

#[test]
fn there_are_no_huge_pages_to_be_had() {
    let mut world = World::new();
    let mut map = |addr, len, flags| world.mmap(addr, len, RW, ANON | flags);
    for size in [0, 16, 21, 25, 30] {
        assert_eq!(map(0, P, PRIVATE | huge(size)), Err(Errno::ENOMEM));
        assert_eq!(map(0, P, SHARED | huge(size)), Err(Errno::ENOMEM));
    }
    assert_eq!(map(0, P, PRIVATE | huge(17)), Err(Errno::EINVAL), "no such size");
    assert_eq!(map(0, 0, PRIVATE | HUGETLB), Err(Errno::EINVAL));
    assert_eq!(map(0, P, HUGETLB), Err(Errno::EINVAL), "no type");
    assert_eq!(map(0, P, DROPPABLE | HUGETLB), Err(Errno::EINVAL));
    assert_eq!(map(A + P, P, PRIVATE | FIXED | HUGETLB), Err(Errno::EINVAL));
    assert_eq!(map(A, P, PRIVATE | FIXED | HUGETLB), Err(Errno::ENOMEM));
    assert_eq!(
        map(A | 0x7a << 56, P, DROPPABLE | FIXED | HUGETLB),
        Err(Errno::ENOMEM),
        "the place comes before the type"
    );
    let object = world.memory(1);
    assert_eq!(
        world.map_object(0, P, RW, PRIVATE | HUGETLB, &object, 0),
        Err(Errno::EINVAL)
    );
}

#[test]
fn huge_pages_that_are_not_there_take_the_place_of_what_was() {
    let mut world = World::new();
    let huge = PRIVATE | ANON | HUGETLB;
    let map = |world: &mut World, addr, len, flags, offset| {
        let request = MapRequest {
            addr,
            len,
            prot: RW,
            flags,
            backing: Backing::HugePages { offset },
        };
        world.space.mmap(request).map(VirtAddr::get)
    };
    world.map(A, 1, RW);
    let maps = world.maps();
    assert_eq!(map(&mut world, A, P, huge | NOREPLACE, 0), Err(Errno::EEXIST));
    assert_eq!(
        map(&mut world, A, P, huge | FIXED, i64::MAX as u64 & !0xfff),
        Err(Errno::EOVERFLOW)
    );
    assert_eq!(
        map(&mut world, A, P, huge | FIXED | GROWSDOWN, 0),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        map(&mut world, A + P, 1 << 50, huge | FIXED, 0),
        Err(Errno::ENOMEM),
        "the length comes before the address"
    );
    assert_eq!(
        map(&mut world, A, !0xfff, huge | FIXED, 0),
        Err(Errno::EINVAL),
        "no length after rounding"
    );
    assert_eq!(world.maps(), maps);
    assert_eq!(map(&mut world, A, P, huge | FIXED, 0), Err(Errno::ENOMEM));
    assert_eq!(world.maps(), "");
    world.map(A, 1, RW);
    assert_eq!(
        map(&mut world, A, P, huge | FIXED, P),
        Err(Errno::EINVAL),
        "half-way into a huge page"
    );
    assert_eq!(world.maps(), "");
}

#[test]
fn a_type_that_validates_knows_few_flags() {
    let mut world = World::new();
    let object = world.memory(1);
    let mut map = |flags| world.map_object(0, P, RW, flags, &object, 0).err();
    let known = NORESERVE | POPULATE | NONBLOCK | STACK | 0x800 | 0x1000;
    assert_eq!(map(VALIDATE | known), None);
    assert_eq!(map(VALIDATE | SYNC), Some(Errno::EOPNOTSUPP));
    assert_eq!(map(VALIDATE | NOREPLACE), Some(Errno::EOPNOTSUPP));
    assert_eq!(map(SHARED | SYNC), None);
    assert_eq!(map(PRIVATE | SYNC), None);
    assert_eq!(map(DROPPABLE), Some(Errno::EINVAL));
    assert_eq!(map(PRIVATE | GROWSDOWN), Some(Errno::EINVAL));
    for kind in [0, VALIDATE, 4, 15] {
        assert_eq!(world.mmap(0, P, RW, ANON | kind), Err(Errno::EINVAL));
    }
}

#[test]
fn memory_that_may_vanish() {
    const KEEPONFORK: u64 = 19;
    const DODUMP: u64 = 17;
    let mut world = World::new();
    for other in [LOCKED, GROWSDOWN] {
        assert_eq!(world.mmap(A, P, RW, ANON | DROPPABLE | other), Err(Errno::EINVAL));
    }
    assert_eq!(world.mmap(A, 2 * P, RW, ANON | DROPPABLE | FIXED), Ok(A));
    world.write(A, 1);
    assert_eq!(world.space.madvise(A, P, KEEPONFORK), Err(Errno::EINVAL));
    assert_eq!(world.space.madvise(A, P, DODUMP), Err(Errno::EINVAL));
    assert_eq!(world.mremap(A, 2 * P, 4 * P, 0, 0), Ok(A));
    assert_eq!(world.space.usage().accounted, 0);
}

#[test]
fn a_file_that_cannot_be_mapped_is_found_out_late() {
    let mut world = World::new();
    let mut map = |addr, len, flags| {
        let request = MapRequest {
            addr,
            len,
            prot: RW,
            flags,
            backing: Backing::Refused(Errno::ENODEV),
        };
        world.space.mmap(request).err()
    };
    assert_eq!(map(0, 0, PRIVATE), Some(Errno::EINVAL));
    assert_eq!(map(0, 1 << 48, PRIVATE), Some(Errno::ENOMEM));
    assert_eq!(map(0, P, 0), Some(Errno::EINVAL));
    assert_eq!(map(0, P, VALIDATE | SYNC), Some(Errno::EOPNOTSUPP));
    assert_eq!(map(0, P, PRIVATE), Some(Errno::ENODEV));
}

#[test]
fn a_stack_of_the_programs_own_grows_as_far_as_linux_lets_it() {
    let mut world = World::new();
    let stack = |world: &mut World, at, pages: u64| {
        world
            .mmap(at, pages * P, RW, PRIVATE | ANON | FIXED | GROWSDOWN)
            .unwrap()
    };
    stack(&mut world, B, 2);
    world.write(B - P, 1);
    world.write(B - 2000 * P, 2);
    // RLIMIT_STACK is 2048 pages, from end to start.
    assert_eq!(world.try_write(B - 2047 * P, 1), Err(FaultError::MapError));
    world.write(B - 2046 * P, 1);
    // 256 pages to what may be accessed below.
    let top = A + 0x1000 * P;
    stack(&mut world, top, 1);
    world.map(top - 300 * P, 1, RW);
    world.write(top - 43 * P, 1);
    assert_eq!(world.try_write(top - 44 * P, 1), Err(FaultError::MapError));
    world.space.mprotect(top - 300 * P, P, NONE).unwrap();
    world.write(top - 299 * P, 1);
    assert_eq!(world.try_write(top - 300 * P, 1), Err(FaultError::AccessError));
}

#[test]
fn a_refused_growth_has_given_the_stack_its_identity() {
    let mut world = World::new();
    world.mmap(A, P, RW, PRIVATE | ANON | FIXED | GROWSDOWN).unwrap();
    assert_eq!(world.try_write(A - 3000 * P, 1), Err(FaultError::MapError));
    let vma = world.space.tree.find(VirtAddr::new(A)).expect("mapped");
    assert!(vma.identity().is_some());
}

#[test]
fn a_fixed_address_that_reads_as_an_error_is_that_error() {
    let mut world = World::new();
    assert_eq!(
        world.mmap(u64::MAX, P, RW, PRIVATE | ANON | FIXED),
        Err(Errno::EPERM)
    );
    assert_eq!(
        world.mmap(22u64.wrapping_neg(), P, RW, PRIVATE | ANON | FIXED),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        world.mmap(!0xfff, P, RW, PRIVATE | ANON | FIXED),
        Err(Errno::ENOMEM)
    );
    assert_eq!(
        world.mmap(u64::MAX, 1 << 48, RW, PRIVATE | ANON | FIXED),
        Err(Errno::ENOMEM)
    );
}

#[test]
fn huge_pages_set_aside_need_room_before_anything_else() {
    let mut world = World::new();
    assert_eq!(world.mmap(0, P, RW, ANON | HUGETLB), Err(Errno::EINVAL));
    assert_eq!(
        world.mmap(0, 1 << 47, RW, ANON | HUGETLB | VALIDATE | SYNC),
        Err(Errno::EOPNOTSUPP)
    );
    assert_eq!(
        world.mmap(0, (1 << 48) - P, RW, ANON | HUGETLB | VALIDATE | SYNC),
        Err(Errno::ENOMEM)
    );
}

#[test]
fn mprotect_checks_its_parameters_in_linuxs_order() {
    use crate::check_protect;
    assert_eq!(check_protect(A, P, 3), Ok(true));
    assert_eq!(check_protect(A | 0xab << 56, 0, 3), Ok(false));
    assert_eq!(check_protect(A + 1, P, 3), Err(Errno::EINVAL));
    assert_eq!(
        check_protect(0xffff_ffff_ffff_e000, 0x6853_7bdf_a664_cca7, 5),
        Err(Errno::ENOMEM)
    );
    assert_eq!(check_protect(A, P, 1 << 20), Err(Errno::EINVAL));
    // Whether anything can be mapped there is asked later.
    assert_eq!(check_protect(0x7fff_ffff_ffff_e000, 0x6000, 1), Ok(true));
}
