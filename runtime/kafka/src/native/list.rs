//! Lists of partitions.
#![expect(unsafe_code, reason = "librdkafka's lists of partitions are C structs")]

use std::{
    borrow::Cow,
    ffi::{CStr, CString},
    marker::PhantomData,
    ops::Deref,
    ptr, slice,
};

use pelton_types::{Offset, TopicPartition};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use super::codes;

/// The offset that says there is none.
pub(crate) const NO_OFFSET: Offset = sys::RD_KAFKA_OFFSET_INVALID as Offset;

/// A list of partitions that is ours.
pub(crate) struct List(ListRef<'static>);

/// A list of partitions that is someone else's, an event's for instance.
pub(crate) struct ListRef<'a> {
    ptr: *mut sys::rd_kafka_topic_partition_list_t,
    owner: PhantomData<&'a ()>,
}

/// One entry.
pub(crate) struct Element<'a> {
    /// The topic's name.
    pub(crate) topic: Cow<'a, str>,
    /// The partition's number.
    pub(crate) partition: i32,
    /// An offset, where the list carries them.
    pub(crate) offset: Offset,
    /// The metadata beside a committed offset, as it was written: by anyone, and perhaps not in UTF-8.
    pub(crate) metadata: &'a [u8],
    /// An error, where the list carries them.
    pub(crate) error: Option<Code>,
}

impl List {
    /// An empty list.
    pub(crate) fn new() -> Self {
        // SAFETY: no precondition; the list is destroyed once, on drop.
        let ptr = unsafe { sys::rd_kafka_topic_partition_list_new(8) };
        Self(ListRef {
            ptr,
            owner: PhantomData,
        })
    }

    /// The names of topics, or patterns, without partitions. Names no topic can have are left out.
    pub(crate) fn of_topics<'a>(topics: impl IntoIterator<Item = &'a str>) -> Self {
        let mut list = Self::new();
        for topic in topics {
            list.add(topic, -1, NO_OFFSET);
        }
        list
    }

    /// Partitions without offsets.
    pub(crate) fn of_partitions<'a>(
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Self {
        let mut list = Self::new();
        for partition in partitions {
            list.add(&partition.topic, partition.partition, NO_OFFSET);
        }
        list
    }

    /// Partitions with offsets.
    pub(crate) fn of_offsets<'a>(
        offsets: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
    ) -> Self {
        let mut list = Self::new();
        for (partition, offset) in offsets {
            list.add(&partition.topic, partition.partition, offset);
        }
        list
    }

    /// Partitions with offsets and the metadata to be kept beside them.
    pub(crate) fn of_commits<'a>(
        commits: impl IntoIterator<Item = (&'a TopicPartition, Offset, &'a [u8])>,
    ) -> Self {
        let mut list = Self::new();
        for (partition, offset, metadata) in commits {
            let entry = list.add(&partition.topic, partition.partition, offset);
            if let Some(entry) = entry.filter(|_| !metadata.is_empty()) {
                describe(entry, metadata);
            }
        }
        list
    }

    /// Adds an entry, which is valid until the next one is added.
    fn add(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> Option<&mut sys::rd_kafka_topic_partition_t> {
        // A name with a NUL can't come from a broker, and none is subscribed to that isn't there.
        let topic = CString::new(topic).ok()?;
        // SAFETY: the list is alive and the name is copied; the borrow of `self` ends before the next addition.
        let entry = unsafe {
            &mut *sys::rd_kafka_topic_partition_list_add(self.0.ptr, topic.as_ptr(), partition)
        };
        entry.offset = offset;
        Some(entry)
    }
}

impl Deref for List {
    type Target = ListRef<'static>;

    fn deref(&self) -> &ListRef<'static> {
        &self.0
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed only here.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0.ptr) }
    }
}

impl ListRef<'_> {
    /// Wraps a list; `None` for a null pointer.
    ///
    /// # Safety
    /// The list must stay alive and unchanged by others for the lifetime.
    pub(super) unsafe fn from_ptr<'a>(
        ptr: *mut sys::rd_kafka_topic_partition_list_t,
    ) -> Option<ListRef<'a>> {
        (!ptr.is_null()).then_some(ListRef {
            ptr,
            owner: PhantomData,
        })
    }

    pub(super) fn ptr(&self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.ptr
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: the list is alive.
        usize::try_from(unsafe { (*self.ptr).cnt }).unwrap_or(0)
    }

    /// The entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        (0..self.len()).map(|index| {
            // SAFETY: the list is alive and has that many entries, each with a name.
            let (entry, topic, error) = unsafe {
                let entry = (*self.ptr).elems.add(index);
                let error = codes::of_field(&raw const (*entry).err);
                (&*entry, CStr::from_ptr((*entry).topic), error)
            };
            let metadata: &[u8] = if entry.metadata.is_null() {
                &[]
            } else {
                // SAFETY: it has that many bytes, and lives as long as the entry.
                unsafe { slice::from_raw_parts(entry.metadata.cast(), entry.metadata_size) }
            };
            Element {
                topic: topic.to_string_lossy(),
                partition: entry.partition,
                offset: entry.offset,
                metadata,
                error,
            }
        })
    }
}

/// Gives an entry that has none its metadata. librdkafka frees it with the list, so it comes from its allocator.
fn describe(entry: &mut sys::rd_kafka_topic_partition_t, metadata: &[u8]) {
    // SAFETY: the allocation has as many bytes as are copied; it can't be null, librdkafka aborts instead.
    unsafe {
        let copy = sys::rd_kafka_mem_malloc(ptr::null_mut(), metadata.len());
        ptr::copy_nonoverlapping(metadata.as_ptr(), copy.cast(), metadata.len());
        entry.metadata = copy;
    }
    entry.metadata_size = metadata.len();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_kept_byte_for_byte_beside_its_own_entry() {
        let partitions = [0, 1, 2].map(|partition| TopicPartition::new("orders", partition));
        let metadata: [&[u8]; 3] = [b"\xff\0\xfe", b"", &[b'x'; 4096]];
        let commits = partitions
            .iter()
            .zip(metadata)
            .map(|(partition, metadata)| (partition, 7, metadata));
        let list = List::of_commits(commits);
        let read: Vec<&[u8]> = list.iter().map(|entry| entry.metadata).collect();
        assert_eq!(read, metadata);
        assert!(list.iter().all(|entry| entry.offset == 7));
    }
}
