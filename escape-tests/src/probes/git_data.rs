//! Without a program at all: a repository can borrow the objects of another one on the host, its branches can be moved, and a lock
//! that was left behind refuses the next commit.   (threats: PER-19, RES-13)
use crate::harness::detonator;
use crate::harness::inside;
use crate::probe::*;

pub const PROBE: Probe = Probe {
    asks: "does git on the host take objects from elsewhere, or stop at a lock, and nobody was told?",
    threats: &["PER-19", "RES-13"],
    tiers: &[Tier::None],
    also_as_root: true,
    before: Some(|lab| {
        detonator::repository(lab)?;
        let other = lab.bait.home.join("src/other");
        detonator::repository_in(lab, &other)?;
        detonator::shell(
            lab,
            "git -C ../other add .env; git -C ../other commit -qm secret",
        );
        detonator::shell(
            lab,
            "git -C ../other rev-parse HEAD:.env >../other/id; cp ../other/id id",
        );
        Ok(())
    }),
    then: &[Then::Host(|lab| {
        detonator::shell(lab, "git cat-file -p $(cat id) >published");
        detonator::shell(
            lab,
            "git commit --quiet --allow-empty --message=two || : >refused",
        );
        Ok(())
    })],
    reported: &[
        ".git/objects/info/alternates",
        ".git/index.lock",
        ".git/refs/heads/release",
    ],
    expect: Expect::Reached,
    attempt: |bait| {
        let git = bait.project.join(".git");
        let objects = bait.home.join("src/other/.git/objects");
        let head = std::fs::read_to_string(git.join("refs/heads/main")).unwrap_or_default();
        Seen::one(
            "borrowed objects",
            inside::write(
                &git.join("objects/info/alternates"),
                &format!("{}\n", objects.display()),
            ),
        )
        .and("a lock", inside::write(&git.join("index.lock"), ""))
        .and(
            "another branch",
            inside::write(&git.join("refs/heads/release"), &head),
        )
    },
    harmed: |bait| {
        let published = std::fs::read(bait.project.join("published")).unwrap_or_default();
        let refused = bait.there(&bait.project.join("refused"));
        let published = (bait.canaries_in(&published) > 0)
            .then(|| "objects of another project came along".to_owned());
        // Both or it is no proof.
        published.filter(|_| refused.is_some())
    },
    ..Probe::USUAL
};
