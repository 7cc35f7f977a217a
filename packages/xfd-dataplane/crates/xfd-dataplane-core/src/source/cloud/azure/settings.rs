//! Which account, at which address, with which credentials: out of a store's description and the
//! environment. Pure.
//!
//! What the description gives comes first, then a connection string, then single variables. Names
//! are those of Azure's tools and libraries.

use super::super::address::base_of;
use crate::error::{Error, Kind, Result};
use crate::model::{AzureAccess, AzureConfig, Secret};

/// The account and the key of Azurite, which everyone knows.
const EMULATOR: (&str, &str) = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
);
const EMULATOR_ENDPOINT: &str = "http://127.0.0.1:10000/devstoreaccount1";
const SUFFIX: &str = "core.windows.net";

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub account: String,
    /// Its containers lie below; without a slash at its end.
    pub endpoint: String,
    /// None for requests of nobody.
    pub way: Option<Way>,
}

/// How requests are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    AccountKey(Secret),
    Sas(Secret),
    ClientSecret {
        client: String,
        tenant: String,
        secret: Secret,
    },
    /// A token of Kubernetes, in a file.
    WorkloadIdentity {
        client: String,
        tenant: String,
        file: String,
    },
    /// The identity of the machine, else the user of the command `az`. The client is that of an
    /// identity among several.
    Chain {
        client: Option<String>,
    },
}

impl Settings {
    /// # Errors
    /// `InvalidRequest` for an account that is not known, and an endpoint that cannot be read.
    pub(super) fn of(
        config: &AzureConfig,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let given = config.azure.clone().unwrap_or_default();
        let text = variable("AZURE_STORAGE_CONNECTION_STRING").unwrap_or_default();
        let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
        let endpoint = config.endpoint.clone();
        let account = given.account.clone();
        let account = account.or_else(|| endpoint.as_deref().and_then(account_of));
        // A connection string of another account says nothing of this one, nor does a broken one.
        let text = match (Connection::parse(&text), &account) {
            (Err(error), None) => return Err(error),
            (text, _) => text.ok().flatten(),
        };
        let text = text.filter(|text| account.as_ref().is_none_or(|it| *it == text.account));
        let account = account
            .or_else(|| text.as_ref().map(|text| text.account.clone()))
            .or_else(|| first(&["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"]))
            .ok_or_else(|| {
                let what = "The storage account is not known";
                Error::new(Kind::InvalidRequest, what).with_remedy(
                    "Give account= in make_for_azure or --account, or set \
                     AZURE_STORAGE_ACCOUNT_NAME",
                )
            })?;
        let endpoint = endpoint
            .or_else(|| text.as_ref().map(|text| text.endpoint.clone()))
            .or_else(|| first(&["AZURE_STORAGE_ENDPOINT"]))
            .unwrap_or_else(|| format!("https://{account}.blob.{SUFFIX}"));
        let find = || {
            given_way(&given, &first)
                .or_else(|| text.and_then(|text| text.way))
                .unwrap_or_else(|| way_of_environment(&first))
        };
        Ok(Self {
            account,
            endpoint: base_of(&endpoint)?,
            way: (!config.anonymous).then(find),
        })
    }
}

/// What the store's description says.
fn given_way(given: &AzureAccess, first: &impl Fn(&[&str]) -> Option<String>) -> Option<Way> {
    if let Some(key) = &given.account_key {
        return Some(Way::AccountKey(key.clone()));
    }
    if let Some(token) = &given.sas_token {
        return Some(Way::Sas(token.clone()));
    }
    let client = given.client_id.clone()?;
    let tenant = given.tenant_id.clone().or_else(|| first(&TENANT));
    Some(principal(
        client,
        tenant,
        given.client_secret.clone(),
        first,
    ))
}

const TENANT: [&str; 2] = ["AZURE_TENANT_ID", "AZURE_STORAGE_TENANT_ID"];

fn way_of_environment(first: &impl Fn(&[&str]) -> Option<String>) -> Way {
    let key = [
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
    ];
    if let Some(key) = first(&key) {
        return Way::AccountKey(Secret(key));
    }
    if let Some(token) = first(&["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"]) {
        return Way::Sas(Secret(token));
    }
    let Some(client) = first(&["AZURE_CLIENT_ID", "AZURE_STORAGE_CLIENT_ID"]) else {
        return Way::Chain { client: None };
    };
    let secret = first(&["AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET"]);
    principal(client, first(&TENANT), secret.map(Secret), first)
}

/// An application of Entra by its secret, by a token of Kubernetes, or as the identity of a machine.
fn principal(
    client: String,
    tenant: Option<String>,
    secret: Option<Secret>,
    first: &impl Fn(&[&str]) -> Option<String>,
) -> Way {
    match (tenant, secret, first(&["AZURE_FEDERATED_TOKEN_FILE"])) {
        (Some(tenant), Some(secret), _) => Way::ClientSecret {
            client,
            tenant,
            secret,
        },
        (Some(tenant), None, Some(file)) => Way::WorkloadIdentity {
            client,
            tenant,
            file,
        },
        _ => Way::Chain {
            client: Some(client),
        },
    }
}

/// The account in the address of its Blob service, or in the path of one that has no name.
fn account_of(endpoint: &str) -> Option<String> {
    let url = url::Url::parse(endpoint.trim()).ok()?;
    match url.host()? {
        url::Host::Domain(name) if name.contains(".blob.") || name.contains(".dfs.") => {
            name.split('.').next().map(str::to_owned)
        }
        _ => {
            let first = url.path_segments()?.next()?;
            (!first.is_empty()).then(|| first.to_owned())
        }
    }
}

/// What a connection string says ("Configure Azure Storage connection strings").
struct Connection {
    account: String,
    endpoint: String,
    way: Option<Way>,
}

impl Connection {
    /// None for an empty one.
    fn parse(text: &str) -> Result<Option<Self>> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let field = |wanted: &str| {
            let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
            let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
            let value = named.next().map(|(_, value)| value.trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        let is_emulator = field("UseDevelopmentStorage").is_some_and(|it| it == "true");
        if is_emulator {
            return Ok(Some(Self {
                account: EMULATOR.0.to_owned(),
                endpoint: EMULATOR_ENDPOINT.to_owned(),
                way: Some(Way::AccountKey(Secret(EMULATOR.1.to_owned()))),
            }));
        }
        let endpoint = field("BlobEndpoint");
        let account = field("AccountName");
        let account = account.or_else(|| endpoint.as_deref().and_then(account_of));
        let Some(account) = account else {
            let what = "AZURE_STORAGE_CONNECTION_STRING has neither AccountName nor BlobEndpoint";
            return Err(Error::new(Kind::InvalidRequest, what));
        };
        let protocol = field("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
        let suffix = field("EndpointSuffix").unwrap_or_else(|| SUFFIX.to_owned());
        let way = field("AccountKey").map(|key| Way::AccountKey(Secret(key)));
        Ok(Some(Self {
            endpoint: endpoint.unwrap_or_else(|| format!("{protocol}://{account}.blob.{suffix}")),
            way: way.or_else(|| field("SharedAccessSignature").map(|sas| Way::Sas(Secret(sas)))),
            account,
        }))
    }
}

#[cfg(test)]
mod tests;
