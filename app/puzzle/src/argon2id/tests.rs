use super::*;
use proptest::prelude::*;

/// What the crate `argon2` leaves in its memory, and its hash.
fn oracle(cost: Cost, input: Input<'_>) -> (Vec<argon2::Block>, [u8; OUTPUT]) {
    let params = argon2::Params::new(cost.memory_cost, cost.time_cost, cost.parallelism, Some(OUTPUT)).unwrap();
    let mut memory = vec![argon2::Block::default(); params.block_count()];
    let mut hash = [0; OUTPUT];
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into_with_memory(input.password, input.salt, &mut hash, &mut memory)
        .unwrap();
    (memory, hash)
}

fn second_oracle(cost: Cost, input: Input<'_>) -> [u8; OUTPUT] {
    use argon2_rust::params::{Memory, TagLen};
    let params = argon2_rust::Params::builder()
        .memory(Memory::kib(cost.memory_cost.into()))
        .passes(cost.time_cost)
        .lanes(cost.parallelism)
        .tag_len(TagLen::bytes(OUTPUT as u64))
        .build()
        .unwrap();
    let mut hash = [0; OUTPUT];
    argon2_rust::Argon2::new(argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13, params)
        .hasher()
        .hash_into(input.password, input.salt, &mut hash)
        .unwrap();
    hash
}

#[test]
fn every_kernel_keeps_each_word_in_a_place_of_its_own() {
    for kernel in Kernel::available() {
        let mut places: Vec<_> = (0..WORDS).map(kernel.place).collect();
        assert_eq!(places[0], 0);
        places.sort_unstable();
        assert!(places.into_iter().eq(0..WORDS));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_block_is_that_of_two_other_implementations(
        passwords: [Vec<u8>; 3], salts in prop::array::uniform3(prop::collection::vec(any::<u8>(), 8..300)),
        memory in 8u32..700, time_cost in 1u32..4, parallelism in 1u32..4,
    ) {
        let cost = Cost { memory_cost: memory.max(8 * parallelism), time_cost, parallelism };
        let inputs: [Input<'_>; 3] = std::array::from_fn(|hash| Input { password: &passwords[hash], salt: &salts[hash] });
        let expected = inputs.map(|input| oracle(cost, input));
        for (input, expected) in inputs.into_iter().zip(&expected) {
            prop_assert_eq!(second_oracle(cost, input), expected.1);
        }
        for kernel in Kernel::available() {
            let mut arena = Arena::with(kernel, cost);
            prop_assert_eq!(arena.hash([inputs[0]]).unwrap(), [expected[0].1]);
            prop_assert_eq!(arena.hash([inputs[1], inputs[2]]).unwrap(), [expected[1].1, expected[2].1]);
            prop_assert_eq!(arena.hash(inputs).unwrap(), expected.each_ref().map(|expected| expected.1));
            let blocks = arena.memory.blocks().iter().zip(expected.iter().flat_map(|expected| &expected.0));
            for (index, (ours, expected)) in blocks.enumerate() {
                let ours: Vec<u64> = (0..WORDS).map(|word| ours.0[(kernel.place)(word)]).collect();
                prop_assert_eq!(&ours[..], expected.as_ref(), "block {}", index);
            }
        }
    }
}
