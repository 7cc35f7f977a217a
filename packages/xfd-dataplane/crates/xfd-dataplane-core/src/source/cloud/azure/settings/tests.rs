//! Where the account, its address and its credentials come from.

use super::*;
use crate::model::Secret;

fn config(access: AzureAccess) -> AzureConfig {
    AzureConfig {
        bucket: "c".to_owned(),
        endpoint: None,
        anonymous: false,
        azure: Some(access),
    }
}

/// With these variables.
fn settle(config: &AzureConfig, variables: &[(&str, &str)]) -> Result<Settings> {
    Settings::of(config, |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// In one word, with what tells it from others.
fn word(way: Option<&Way>) -> String {
    let Some(way) = way else {
        return "anonymous".to_owned();
    };
    match way {
        Way::AccountKey(key) => format!("key {}", key.0),
        Way::Sas(token) => format!("sas {}", token.0),
        Way::ClientSecret {
            client,
            tenant,
            secret,
        } => format!("secret {client} {tenant} {}", secret.0),
        Way::WorkloadIdentity {
            client,
            tenant,
            file,
        } => format!("workload {client} {tenant} {file}"),
        Way::Chain { client } => format!("chain {}", client.as_deref().unwrap_or("-")),
    }
}

#[test]
fn credentials_come_from_the_description_then_a_connection_string_then_variables() {
    let account = AzureAccess {
        account: Some("a".to_owned()),
        ..AzureAccess::default()
    };
    let with_key = AzureAccess {
        account_key: Some(Secret("given".to_owned())),
        ..account.clone()
    };
    let with_sas = AzureAccess {
        sas_token: Some(Secret("sv=1".to_owned())),
        ..account.clone()
    };
    let with_client = AzureAccess {
        client_id: Some("id".to_owned()),
        ..account.clone()
    };
    let key = ("AZURE_STORAGE_ACCOUNT_KEY", "set");
    let text = (
        "AZURE_STORAGE_CONNECTION_STRING",
        "AccountName=a;AccountKey=ab==",
    );
    let other = (
        "AZURE_STORAGE_CONNECTION_STRING",
        "AccountName=b;AccountKey=ab==",
    );
    let (client, tenant) = (("AZURE_CLIENT_ID", "app"), ("AZURE_TENANT_ID", "t"));
    let secret = ("AZURE_CLIENT_SECRET", "s");
    let file = ("AZURE_FEDERATED_TOKEN_FILE", "/f");
    for (access, variables, expected) in [
        (&with_key, &[key, text][..], "key given"),
        (&with_sas, &[key], "sas sv=1"),
        (&account, &[key, text], "key ab=="),
        (&account, &[key, other], "key set"),
        (&account, &[key, client], "key set"),
        (
            &account,
            &[("AZURE_STORAGE_SAS_TOKEN", "?sv=2")],
            "sas ?sv=2",
        ),
        (&account, &[client, tenant, secret, file], "secret app t s"),
        (&account, &[client, tenant, file], "workload app t /f"),
        (&account, &[client], "chain app"),
        (&account, &[], "chain -"),
        (&with_client, &[key, tenant, file], "workload id t /f"),
        (&with_client, &[key], "chain id"),
    ] {
        let settings = settle(&config(access.clone()), variables).unwrap();
        assert_eq!(word(settings.way.as_ref()), expected, "{variables:?}");
    }
    let anonymous = AzureConfig {
        anonymous: true,
        ..config(account)
    };
    let settings = settle(&anonymous, &[key]).unwrap();
    assert_eq!(word(settings.way.as_ref()), "anonymous");
}

#[test]
fn the_address_follows_from_the_account_and_the_account_from_the_address() {
    let string = "AZURE_STORAGE_CONNECTION_STRING";
    for (account, endpoint, variables, expected) in [
        (
            Some("a"),
            None,
            &[][..],
            ("a", "https://a.blob.core.windows.net"),
        ),
        (
            Some("a"),
            Some("https://own.example/"),
            &[],
            ("a", "https://own.example"),
        ),
        (
            None,
            Some("https://b.blob.core.usgovcloudapi.net"),
            &[],
            ("b", "https://b.blob.core.usgovcloudapi.net"),
        ),
        (
            None,
            Some("http://127.0.0.1:1/dev"),
            &[],
            ("dev", "http://127.0.0.1:1/dev"),
        ),
        (
            None,
            None,
            &[("AZURE_STORAGE_ACCOUNT", "e")],
            ("e", "https://e.blob.core.windows.net"),
        ),
        (
            None,
            None,
            &[(string, "AccountName=s;EndpointSuffix=core.chinacloudapi.cn")],
            ("s", "https://s.blob.core.chinacloudapi.cn"),
        ),
        (
            None,
            None,
            &[(
                string,
                "BlobEndpoint=http://h:1/dev;SharedAccessSignature=sv=1",
            )],
            ("dev", "http://h:1/dev"),
        ),
        (
            None,
            None,
            &[(string, "UseDevelopmentStorage=true")],
            (EMULATOR.0, EMULATOR_ENDPOINT),
        ),
    ] {
        let config = AzureConfig {
            endpoint: endpoint.map(str::to_owned),
            ..config(AzureAccess {
                account: account.map(str::to_owned),
                ..AzureAccess::default()
            })
        };
        let settings = settle(&config, variables).unwrap();
        let found = (settings.account.as_str(), settings.endpoint.as_str());
        assert_eq!(found, expected);
    }
}

#[test]
fn what_names_no_account_is_refused() {
    let nothing = config(AzureAccess::default());
    for variables in [
        &[][..],
        &[("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=ab==")],
    ] {
        let error = settle(&nothing, variables).unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest);
    }
    let odd = AzureConfig {
        endpoint: Some("blob.example/c".to_owned()),
        ..config(AzureAccess {
            account: Some("a".to_owned()),
            ..AzureAccess::default()
        })
    };
    assert_eq!(settle(&odd, &[]).unwrap_err().kind, Kind::InvalidRequest);
}
