//! Nodes by number, in chunks of about a page, so that growing moves nothing and no node needs an allocation of its own.

use crate::Errno;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The number of a node in its pool.
pub(super) type NodeId = u32;

/// Nodes of one kind, `CHUNK` to an allocation. Chunks are given back only with the whole pool.
pub(super) struct Pool<T, const CHUNK: usize> {
    chunks: Vec<Box<[T; CHUNK]>>,
    /// Nodes that are not in use. Has room for every node there is, so that giving one back cannot fail.
    free: Vec<NodeId>,
    /// How many chunks there is memory for: tests let it run out.
    #[cfg(test)]
    pub(super) most_chunks: usize,
}

impl<T: Clone, const CHUNK: usize> Pool<T, CHUNK> {
    /// A pool that owns no memory.
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            #[cfg(test)]
            most_chunks: usize::MAX,
        }
    }

    /// Makes sure that `nodes` calls of [`Pool::take`] succeed; new nodes are copies of `blank`.
    pub(super) fn reserve(&mut self, nodes: usize, blank: &T) -> Result<(), Errno> {
        while self.free.len() < nodes {
            self.add_chunk(blank)?;
        }
        Ok(())
    }

    fn add_chunk(&mut self, blank: &T) -> Result<(), Errno> {
        #[cfg(test)]
        if self.chunks.len() >= self.most_chunks {
            return Err(Errno::ENOMEM);
        }
        let first = self.chunks.len() * CHUNK;
        let ids = NodeId::try_from(first).map_err(|_| Errno::ENOMEM)?..;
        self.chunks.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        self.free
            .try_reserve(first + CHUNK - self.free.len())
            .map_err(|_| Errno::ENOMEM)?;
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(CHUNK).map_err(|_| Errno::ENOMEM)?;
        chunk.resize(CHUNK, blank.clone());
        let chunk = chunk.into_boxed_slice().try_into().map_err(|_| Errno::ENOMEM)?;
        self.chunks.push(chunk);
        self.free.extend(ids.take(CHUNK));
        Ok(())
    }

    /// Takes a node. What it held before is still in it.
    ///
    /// # Panics
    /// If nothing is reserved.
    pub(super) fn take(&mut self) -> NodeId {
        self.free.pop().expect("a node was reserved")
    }

    /// Gives a node back.
    pub(super) fn give(&mut self, id: NodeId) {
        debug_assert!(self.free.len() < self.free.capacity());
        self.free.push(id);
    }

    /// How many nodes are in use.
    pub(super) fn in_use(&self) -> usize {
        self.chunks.len() * CHUNK - self.free.len()
    }

    /// How many bytes the pool has of the heap.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.chunks.len() * size_of::<[T; CHUNK]>()
            + self.chunks.capacity() * size_of::<Box<[T; CHUNK]>>()
            + self.free.capacity() * size_of::<NodeId>();
        bytes as u64
    }

    /// How many chunks there are.
    #[cfg(test)]
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// How many calls of [`Pool::take`] would succeed.
    #[inline]
    pub(super) fn reserved(&self) -> usize {
        self.free.len()
    }

    /// The node `id`.
    #[inline]
    pub(super) fn get(&self, id: NodeId) -> &T {
        &self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    /// The node `id`.
    #[inline]
    pub(super) fn get_mut(&mut self, id: NodeId) -> &mut T {
        &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    /// Two different nodes at once.
    ///
    /// # Panics
    /// If they are the same.
    pub(super) fn pair_mut(&mut self, a: NodeId, b: NodeId) -> (&mut T, &mut T) {
        assert_ne!(a, b, "two nodes");
        let (chunk_a, chunk_b) = (a as usize / CHUNK, b as usize / CHUNK);
        if chunk_a == chunk_b {
            let [a, b] = self.chunks[chunk_a]
                .get_disjoint_mut([a as usize % CHUNK, b as usize % CHUNK])
                .expect("two nodes of one chunk");
            (a, b)
        } else {
            let [first, second] = self
                .chunks
                .get_disjoint_mut([chunk_a, chunk_b])
                .expect("two chunks of the pool");
            (&mut first[a as usize % CHUNK], &mut second[b as usize % CHUNK])
        }
    }
}
