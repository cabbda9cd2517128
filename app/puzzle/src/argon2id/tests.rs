use super::*;
use proptest::prelude::*;

fn arena(cost: Cost) -> Option<Arena> {
    Arena::new(cost)
}

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
    let Some(kernel) = Kernel::detect() else { return };
    let mut places: Vec<_> = (0..WORDS).map(kernel.place).collect();
    assert_eq!(places[0], 0);
    places.sort_unstable();
    assert!(places.into_iter().eq(0..WORDS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_block_is_that_of_two_other_implementations(
        passwords: [Vec<u8>; 3], salts in prop::array::uniform3(prop::collection::vec(any::<u8>(), 8..300)),
        memory in 8u32..700, time_cost in 1u32..4, parallelism in 1u32..4,
    ) {
        let cost = Cost { memory_cost: memory.max(8 * parallelism), time_cost, parallelism };
        let Some(mut arena) = arena(cost) else { return Ok(()) };
        let inputs: [Input<'_>; 3] = std::array::from_fn(|hash| Input { password: &passwords[hash], salt: &salts[hash] });
        let alone = arena.hash([inputs[0]]).unwrap();
        let two = arena.hash([inputs[0], inputs[1]]).unwrap();
        let three = arena.hash(inputs).unwrap();
        prop_assert_eq!(alone[0], two[0]);
        prop_assert_eq!(&two[..], &three[..2]);
        let place = arena.kernel.place;
        let blocks = arena.shape.blocks();
        for (hash, input) in inputs.into_iter().enumerate() {
            let (memory, expected) = oracle(cost, input);
            for (index, expected) in memory.iter().enumerate() {
                let ours = arena.memory.blocks()[hash * blocks + index].0;
                let ours: Vec<u64> = (0..WORDS).map(|word| ours[place(word)]).collect();
                prop_assert_eq!(&ours[..], expected.as_ref(), "block {} of hash {}", index, hash);
            }
            prop_assert_eq!(three[hash], expected);
            prop_assert_eq!(three[hash], second_oracle(cost, input));
        }
    }
}
