//! The clients of both stores carry their sessions.

use cloakroom::store::Phase::{Finish, Move, Prepare};

use crate::{
    steps::alone,
    world::{At, World, begun, count, counted, look, request},
};

const PAIRS: [(&str, &str); 4] =
    [("encrypted", "jwt"), ("jwt", "signed"), ("signed", "encrypted"), ("encrypted", "encrypted")];

#[test]
fn a_token_is_one_of_the_new_store_from_its_first_write_on() {
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        let first = alone(begun(&world.server(At::Old)));
        let id = alone(counted(&world.server(At::Old), &first)).0;

        let prepared = alone(request(&world.server(At::There(Prepare)), &first, count)).told.unwrap();
        assert_eq!(alone(counted(&world.server(At::Old), &prepared)), (id, 2));

        let moved = alone(request(&world.server(At::There(Move)), &prepared, count)).told.unwrap();
        for at in [At::There(Prepare), At::There(Move), At::There(Finish), At::New] {
            assert_eq!(alone(counted(&world.server(at), &moved)), (id, 3));
        }
        assert_eq!(alone(request(&world.server(At::Old), &moved, look)).id, None);
        assert_eq!(alone(request(&world.server(At::There(Finish)), &first, look)).id, None);
    }
}

#[test]
fn a_token_is_issued_anew_when_it_is_read_if_that_is_chosen() {
    for (old, new) in PAIRS {
        let world = World::new(old, new);
        let first = alone(begun(&world.server(At::Old)));
        let by_write = world.server(At::There(Move));
        assert_eq!(alone(request(&by_write, &first, look)).told, None);
        let by_read = world.serving(world.migrating(At::There(Move)).when_read());
        let moved = alone(request(&by_read, &first, look)).told.expect("a token of the new store");
        assert_eq!(alone(counted(&world.server(At::New), &moved)).1, 1);
        assert_eq!(alone(request(&by_read, &moved, look)).told, None, "once is enough");
        let preparing = world.serving(world.migrating(At::There(Prepare)).when_read());
        assert_eq!(alone(request(&preparing, &first, look)).told, None, "nothing moves yet");
    }
}
