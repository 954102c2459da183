//! A predictor as bytes, and back only if nothing about them is wrong.
//!
//! A model is worth keeping over a restart, and worth nothing to anybody else: a
//! file names the format, the build and the cluster it is from, its features and
//! settings, and another of any of these is refused. A predictor that was read
//! goes on to the same bits as the one that was written.
//!
//! Absent on purpose: reading files of other builds, which would keep every
//! field here for good. A model is learned again within minutes.

use super::bytes::{Reader, Writer};
use super::contest::Contest;
use super::model::Model;
use super::{
    Baseline, FEATURE_NAME_BYTES_MAX, FEATURES_MAX, FeatureSet, MAGNITUDE_MAX, ModelKind, Outcomes,
    Predictor, Settings, UNIT_BYTES_MAX,
};

/// How every model file begins.
const MAGIC: [u8; 8] = *b"NXSMODEL";

/// The version of the format that is written and read.
pub const MODEL_FILE_VERSION: u32 = 1;

/// Bytes of the largest model file. Source: computed; two full trees and all
/// outcomes, of eight features, are below 256 KiB.
pub const MODEL_FILE_BYTES_MAX: usize = 512 * 1024;

/// Bytes of the longest build. Source: a guess; a version and a commit's hash.
pub const BUILD_BYTES_MAX: usize = 128;

/// Whose model it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin<'o> {
    /// The build that writes or reads, at most [`BUILD_BYTES_MAX`] bytes.
    pub build: &'o str,
    /// The cluster, or the seed of a world.
    pub cluster: u128,
}

/// Why bytes are not a model to go on with. Nothing was loaded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// More bytes than a model has.
    #[error("the file has {0} bytes, a model has at most {MODEL_FILE_BYTES_MAX}")]
    TooLarge(usize),
    /// It does not begin as a model does.
    #[error("the file is not a model")]
    NotAModel,
    /// Of another version of the format.
    #[error(
        "the model is of format {found}, this build reads {MODEL_FILE_VERSION}; let it be learned again"
    )]
    OtherVersion {
        /// Of which.
        found: u32,
    },
    /// It ends too early.
    #[error("the model is cut off")]
    Truncated,
    /// Its checksum is wrong, or something follows it.
    #[error("the model is damaged")]
    Damaged,
    /// Made by another build.
    #[error("the model was made by build `{found}`, this is `{expected}`; let it be learned again")]
    OtherBuild {
        /// By which.
        found: String,
        /// Which this is.
        expected: String,
    },
    /// Learned in another cluster.
    #[error("the model was learned in cluster {found:032x}, this is {expected:032x}")]
    OtherCluster {
        /// In which.
        found: u128,
        /// Which this is.
        expected: u128,
    },
    /// Learned from other features, or in another order.
    #[error("the model was learned from {found:?}, the features here are {expected:?}")]
    OtherFeatures {
        /// From which.
        found: Vec<String>,
        /// Which there are here.
        expected: Vec<String>,
    },
    /// Learned under other settings.
    #[error("the model was learned under other settings; let it be learned again")]
    OtherSettings,
    /// Something in it cannot be, say a weight that is not a number.
    #[error("the model is not sound: {0} is out of bounds")]
    Invalid(&'static str),
}

/// FNV-1a: finds every single flipped bit, and others but for one in 2⁶⁴.
/// Source: Fowler, Noll, Vo; draft-eastlake-fnv.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Predictor {
    /// Everything about it as bytes, at most [`MODEL_FILE_BYTES_MAX`].
    ///
    /// # Panics
    /// If the build is longer than [`BUILD_BYTES_MAX`].
    pub fn save(&self, origin: &Origin<'_>) -> Vec<u8> {
        assert!(
            origin.build.len() <= BUILD_BYTES_MAX,
            "a build is at most {BUILD_BYTES_MAX} bytes"
        );
        let mut body = Writer::default();
        body.text(origin.build);
        body.u128(origin.cluster);
        write_set(&self.set, &mut body);
        write_settings(&self.settings, &mut body);
        self.model.write(&mut body);
        self.baseline.write(&mut body);
        self.outcomes.write(&mut body);
        self.contest.write(&mut body);
        body.f64s(&[self.range.0, self.range.1]);
        for count in [self.learned, self.judged, self.refused] {
            body.u64(count);
        }
        let body = body.finish();
        let mut file = Writer::default();
        file.raw(&MAGIC);
        file.u32(MODEL_FILE_VERSION);
        file.u64(body.len() as u64);
        file.u64(checksum(&body));
        file.raw(&body);
        file.finish()
    }

    /// The predictor that was saved as `bytes`.
    ///
    /// ```
    /// use nexus_intel::learn::{FeatureSet, ModelKind, Origin, Predictor, Settings};
    ///
    /// let set = FeatureSet::new(["size"])?;
    /// let settings = Settings::new(ModelKind::Linear);
    /// let predictor = Predictor::new(set.clone(), settings.clone())?;
    /// let origin = Origin { build: "0.1.0", cluster: 7 };
    /// let bytes = predictor.save(&origin);
    /// assert_eq!(Predictor::load(&bytes, &origin, &set, &settings)?, predictor);
    ///
    /// let other = Origin { build: "0.2.0", ..origin };
    /// let error = Predictor::load(&bytes, &other, &set, &settings).unwrap_err();
    /// assert!(error.to_string().contains("made by build `0.1.0`"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ModelFileError`] if the bytes are too many, no model, cut off or damaged, of
    /// another format, build, cluster, other features or settings, or not sound.
    pub fn load(
        bytes: &[u8],
        origin: &Origin<'_>,
        set: &FeatureSet,
        settings: &Settings,
    ) -> Result<Predictor, ModelFileError> {
        if bytes.len() > MODEL_FILE_BYTES_MAX {
            return Err(ModelFileError::TooLarge(bytes.len()));
        }
        let mut from = Reader::new(read_envelope(bytes)?);
        expect_origin(&mut from, origin)?;
        expect_set(&mut from, set)?;
        expect_settings(&mut from, settings)?;
        let predictor = read_content(&mut from, set, settings)?;
        if from.rest().is_empty() { Ok(predictor) } else { Err(ModelFileError::Damaged) }
    }
}

/// The body, if it is whole and of this format.
fn read_envelope(bytes: &[u8]) -> Result<&[u8], ModelFileError> {
    let mut from = Reader::new(bytes);
    let begin = &bytes[..bytes.len().min(MAGIC.len())];
    if !MAGIC.starts_with(begin) {
        return Err(ModelFileError::NotAModel);
    }
    from.raw(MAGIC.len())?;
    let found = from.u32()?;
    if found != MODEL_FILE_VERSION {
        return Err(ModelFileError::OtherVersion { found });
    }
    let (len, sum) = (from.u64()?, from.u64()?);
    let body = from.rest();
    if (body.len() as u64) < len {
        return Err(ModelFileError::Truncated);
    }
    if body.len() as u64 > len || checksum(body) != sum {
        return Err(ModelFileError::Damaged);
    }
    Ok(body)
}

fn expect_origin(from: &mut Reader<'_>, origin: &Origin<'_>) -> Result<(), ModelFileError> {
    let build = from.text("the build", BUILD_BYTES_MAX)?;
    if build != origin.build {
        let (found, expected) = (build.to_string(), origin.build.to_string());
        return Err(ModelFileError::OtherBuild { found, expected });
    }
    let (found, expected) = (from.u128()?, origin.cluster);
    if found == expected { Ok(()) } else { Err(ModelFileError::OtherCluster { found, expected }) }
}

fn write_set(set: &FeatureSet, to: &mut Writer) {
    to.u8(set.len() as u8);
    for name in set.names() {
        to.text(name);
    }
}

fn expect_set(from: &mut Reader<'_>, set: &FeatureSet) -> Result<(), ModelFileError> {
    let count = usize::from(from.u8()?);
    if count > FEATURES_MAX {
        return Err(ModelFileError::Invalid("how many features there are"));
    }
    let names = (0..count)
        .map(|_| Ok(from.text("the name of a feature", FEATURE_NAME_BYTES_MAX)?.to_string()))
        .collect::<Result<Vec<String>, ModelFileError>>()?;
    if names == set.names() {
        Ok(())
    } else {
        Err(ModelFileError::OtherFeatures { found: names, expected: set.names().to_vec() })
    }
}

fn write_settings(settings: &Settings, to: &mut Writer) {
    to.u8(kind_code(settings.model));
    to.f64s(&[settings.forgetting.factor(), settings.first_guess]);
    to.u64(settings.outcomes_min);
    to.text(&settings.unit);
}

fn kind_code(kind: ModelKind) -> u8 {
    match kind {
        ModelKind::Linear => 0,
        ModelKind::Tree => 1,
        ModelKind::Pair => 2,
    }
}

fn expect_settings(from: &mut Reader<'_>, settings: &Settings) -> Result<(), ModelFileError> {
    let same = [
        from.u8()? == kind_code(settings.model),
        from.f64_within("forgetting", 0.0, 1.0)? == settings.forgetting.factor(),
        from.f64_within("the first guess", -MAGNITUDE_MAX, MAGNITUDE_MAX)? == settings.first_guess,
        from.u64()? == settings.outcomes_min,
        from.text("the unit", UNIT_BYTES_MAX)? == settings.unit,
    ];
    if same == [true; 5] { Ok(()) } else { Err(ModelFileError::OtherSettings) }
}

fn read_content(
    from: &mut Reader<'_>,
    set: &FeatureSet,
    settings: &Settings,
) -> Result<Predictor, ModelFileError> {
    Ok(Predictor {
        set: set.clone(),
        settings: settings.clone(),
        model: Model::read(from, set, settings)?,
        baseline: Baseline::read(from)?,
        outcomes: Outcomes::read(from, set.len())?,
        contest: Contest::read(from)?,
        range: read_range(from)?,
        learned: from.u64()?,
        judged: from.u64()?,
        refused: from.u64()?,
    })
}

/// The least and the most truth, or the wrong way round if there was none.
fn read_range(from: &mut Reader<'_>) -> Result<(f64, f64), ModelFileError> {
    let least = from.f64_within("the least outcome", -MAGNITUDE_MAX, f64::INFINITY)?;
    let most = from.f64_within("the most outcome", f64::NEG_INFINITY, MAGNITUDE_MAX)?;
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    if (least, most) == none || least <= most && least <= MAGNITUDE_MAX && most >= -MAGNITUDE_MAX {
        Ok((least, most))
    } else {
        Err(ModelFileError::Invalid("the range of outcomes"))
    }
}

#[cfg(test)]
mod tests;
