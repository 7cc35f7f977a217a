//! Credentials of Azure by `object_store`, and its signatures.
//!
//! Where nothing names a way, the identity of the machine is asked for first, then the user of the
//! command `az`; the one that answered is asked again.

use std::sync::Arc;

use http::HeaderValue;
use object_store::StaticCredentialProvider;
use object_store::azure::{
    AzureAccessKey, AzureAuthorizer, AzureCredential, AzureCredentialProvider,
    MicrosoftAzureBuilder, split_sas,
};
use tokio::sync::OnceCell;

use super::super::credentials::{Connector, ask, missing, retries, variable};
use super::super::transport::{Transport, Unsigned};
use super::settings::{Settings, Way};
use crate::error::{Error, Kind, Result};

const REMEDY: &str = "Give account_key, sas_token, a client secret or anonymous=True in \
    make_for_azure, or set up an identity on the node (AZURE_CLIENT_ID and others, az login)";
const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";

/// Found at the first request, and renewed before they expire.
#[derive(Debug)]
pub(super) struct Credentials {
    /// As `Settings` say it.
    way: Option<Way>,
    account: String,
    connector: Connector,
    provider: OnceCell<AzureCredentialProvider>,
}

impl Credentials {
    pub(super) fn new(settings: &Settings, transport: &Transport) -> Self {
        Self {
            way: settings.way.clone(),
            account: settings.account.clone(),
            connector: Connector {
                connector: transport.connector.clone(),
                read_timeout: transport.read_timeout,
            },
            provider: OnceCell::new(),
        }
    }

    /// Adds what the store needs to know who asks, and the version of its protocol.
    ///
    /// # Errors
    /// `Credentials`.
    pub(super) async fn sign(&self, request: &mut Unsigned) -> Result<()> {
        let Some(way) = &self.way else {
            let version = HeaderValue::from_static(VERSION);
            request.headers_mut().insert("x-ms-version", version);
            return Ok(());
        };
        let given = self.given(way).await;
        let given = given.map_err(|error| error.with_remedy(REMEDY))?;
        AzureAuthorizer::new(&given, &self.account)
            .try_authorize(request)
            .map_err(|_| Error::new(Kind::Internal, "The request cannot be signed"))
    }

    async fn given(&self, way: &Way) -> Result<Arc<AzureCredential>> {
        let find = || async { self.find(way).await };
        ask(self.provider.get_or_try_init(find).await?.as_ref()).await
    }

    async fn find(&self, way: &Way) -> Result<AzureCredentialProvider> {
        let fixed = |credential| -> AzureCredentialProvider {
            Arc::new(StaticCredentialProvider::new(credential))
        };
        let builder = self.builder();
        match way {
            Way::AccountKey(key) => AzureAccessKey::try_new(&key.0)
                .map(|key| fixed(AzureCredential::AccessKey(key)))
                .map_err(|_| missing("the account key is not in base 64")),
            Way::Sas(token) => split_sas(token.0.trim_start_matches('?'))
                .map(|pairs| fixed(AzureCredential::SASToken(pairs)))
                .map_err(|_| missing("the SAS token is not one")),
            Way::ClientSecret {
                client,
                tenant,
                secret,
            } => {
                let builder = builder.with_client_secret_authorization(client, &secret.0, tenant);
                build(builder.with_credential_type("client_secret"))
            }
            Way::WorkloadIdentity {
                client,
                tenant,
                file,
            } => {
                let builder = builder.with_client_id(client).with_tenant_id(tenant);
                let builder = builder.with_federated_token_file(file);
                build(builder.with_credential_type("workload_identity"))
            }
            Way::Chain { client } => self.first_of_chain(client.as_deref()).await,
        }
    }

    async fn first_of_chain(&self, client: Option<&str>) -> Result<AzureCredentialProvider> {
        let mut builder = self.builder().with_credential_type("managed_identity");
        if let Some(client) = client {
            builder = builder.with_client_id(client);
        }
        if let Some(endpoint) = variable(IDENTITY_ENDPOINT) {
            builder = builder.with_msi_endpoint(endpoint);
        }
        let machine = build(builder)?;
        let Err(of_machine) = ask(machine.as_ref()).await else {
            return Ok(machine);
        };
        let command = build(self.builder().with_credential_type("azure_cli"))?;
        // It waits for a process.
        let asked = Arc::clone(&command);
        let handle = tokio::runtime::Handle::current();
        let given = tokio::task::spawn_blocking(move || handle.block_on(ask(asked.as_ref())));
        match given.await {
            Ok(Ok(_)) => Ok(command),
            Ok(Err(of_command)) => Err(missing(&format!(
                "the identity of the machine: {}; the command az: {}",
                reason(&of_machine),
                reason(&of_command)
            ))),
            Err(_) => Err(Error::new(
                Kind::Internal,
                "The command az was not waited for",
            )),
        }
    }

    /// Without credentials yet.
    fn builder(&self) -> MicrosoftAzureBuilder {
        let builder = MicrosoftAzureBuilder::new()
            .with_account(&self.account)
            .with_container_name("unused")
            .with_retry(retries())
            .with_http_connector(self.connector.clone());
        match variable("AZURE_AUTHORITY_HOST") {
            Some(host) => builder.with_authority_host(host.trim_end_matches('/')),
            None => builder,
        }
    }
}

/// The version of the protocol that `object_store` signs for.
const VERSION: &str = "2023-11-03";

fn build(builder: MicrosoftAzureBuilder) -> Result<AzureCredentialProvider> {
    let built = builder
        .build()
        .map_err(|error| missing(&error.to_string()))?;
    Ok(Arc::clone(built.credentials()))
}

fn reason(error: &Error) -> &str {
    let (_, reason) = error.what.split_once(": ").unwrap_or(("", &error.what));
    reason
}
