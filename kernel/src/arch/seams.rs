//! What exceptions are handed to, until the parts of the kernel that deal with them are there.

pub(super) mod syscall {
    use crate::arch::UserFrame;

    pub(in crate::arch) fn dispatch(_: &mut UserFrame) {
        panic!("a system call");
    }
}

pub(super) mod process {
    use crate::arch::{Fault, UserFrame};
    use mm::Access;

    pub(in crate::arch) fn user_fault(frame: &mut UserFrame, fault: Fault) {
        panic!("{:?}\n{frame}", fault.esr);
    }

    pub(in crate::arch) fn resolve_user_access(_: u64, _: Access) -> bool {
        false
    }

    pub(in crate::arch) fn preempt(_: &mut UserFrame) {}
}
