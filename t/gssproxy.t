# gssproxy between GSSAPI and krb5: its keys open tickets, and those of the configuration decide all
# the same. The real one, with a socket, a configuration and a place in GSSAPI of its own.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'httpd_user';
use NegTest::Pac 'mint';
use NegTest::Process;
use NegTest::Stage;

my ($program) = grep { -x } map { "$_/gssproxy" } split(/:/, $ENV{PATH}), '/usr/sbin';
my ($plugin)  = grep { -e } glob '/usr/lib/*/gssproxy/proxymech.so /usr/lib*/gssproxy/proxymech.so';
plan skip_all => 'there is no gssproxy' if !$program || !$plugin;

my $realm    = 'EXAMPLE.TEST';
my $dir      = stage_dir() . '/gssproxy';
my $host     = 'a.example.test';
my @services = ("HTTP/$host", 'HTTP/b.example.test', "host/$host");
my ($user)   = httpd_user();
$user ||= getpwuid $>;
mkdir $_ for $dir, "$dir/httpd";
chmod 0755, $dir;
NegTest::Stage->give_to_httpd("$dir/httpd", 0700);
kdc->add_principal($_) for @services;
kdc->add_to_keytab(keytab('proxy'), \@services);
kdc->add_to_keytab(keytab('proxied'), [ $services[0] ]);
NegTest::Stage->give_to_httpd(keytab('proxied'), 0600);

put("$dir/gssproxy.conf", 0600, <<"CONF");
[gssproxy]
[service/httpd]
mechs = krb5
socket = $dir/socket
cred_store = keytab:@{[ keytab('proxy') ]}
cred_store = ccache:FILE:$dir/ccache
euid = $user
CONF
put("$dir/mech.conf", 0644, "gssproxy_v1 2.16.840.1.113730.3.8.15.1 $plugin <interposer>\n");

my $gssproxy = NegTest::Process->start([ $program, '-i', '-c', "$dir/gssproxy.conf", '-s', "$dir/main" ],
    env => { KRB5RCACHEDIR => $dir }, output => "$dir/output");
plan skip_all => 'gssproxy does not start: ' . $gssproxy->output if !wait_until(sub { -S "$dir/socket" }, 10);
chmod 0666, "$dir/socket";
plan tests => 9;

sub put {
    my ($file, $mode, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out;
    chmod $mode, $file;
    return;
}

my @sections = map { <<"CONF" } [ http => 'HTTP' ], [ any => 'any' ], [ named => "HTTP\@$host" ];
<Location "/$_->[0]">
    AuthType Negotiate
    AuthName test
    AuthNegotiateKeytab "@{[ keytab('proxied') ]}"
    AuthNegotiateAcceptor $_->[1]
    Require valid-user
</Location>
CONF

sub proxied {
    my (%env) = @_;
    return server(
        env => { GSS_USE_PROXY => 'yes', GSSPROXY_SOCKET => "$dir/socket", GSS_MECH_CONFIG => "$dir/mech.conf",
            KRB5CCNAME => "FILE:$dir/httpd/ccache", %env },
        conf => join "\n", 'PassEnv KRB5_CONFIG', 'ScriptAliasMatch "env\\.pl$" "@stage@/cgi-bin/env.pl"', 'ErrorDocument 401 /open/env.pl', @sections);
}

my $server;
sub get {
    my ($path, $service, %opt) = @_;
    my $gss = NegTest::Initiator->new(ccache => ccache('alice'), target => "$service\@$realm", %opt);
    my $r = http(port => $server->port)->get("$path/env.pl", Authorization => $gss->authorization);
    return ($r, $gss);
}

# With the key of another service than the one that the ticket names.
sub masked {
    my ($path, $key) = @_;
    my $ccache = mint(ccache => "FILE:$dir/masked", keytab => keytab('proxy'), service => "$key\@$realm", client => "alice\@$realm", outer => "HTTP/$host\@$realm");
    return get($path, "HTTP/$host", ccache => $ccache);
}

# --- it is told at start ----------------------------------------------------------

my $advice = qr/GSS_USE_PROXY in httpd's environment: gssproxy stands before Kerberos.*LOCAL_ONLY/;
like proxied()->check->{output}, $advice, 'httpd -t tells of gssproxy';
unlike proxied(GSS_USE_PROXY => 'no')->check->{output}, $advice, '... not where it is off';
unlike proxied(GSSPROXY_BEHAVIOR => 'LOCAL_ONLY')->check->{output}, $advice, '... or has nothing to say';

# --- its keys ---------------------------------------------------------------------

for my $behavior (undef, 'LOCAL_FIRST', 'LOCAL_ONLY') {
    my $how = $behavior || 'its own way';
    $server = proxied(GSSPROXY_BEHAVIOR => $behavior)->start;
    my %mech = map { $_ => 1 } qw(spnego krb5);
    my (%is, %should);
    for my $path (qw(/http /any /named)) {
        for my $service (@services) {
            # A file that may still be written goes the library's way; one at rest is looked at first.
            utime undef, undef, keytab('proxied') if !$behavior;
            my ($r, $gss) = get($path, $service, mech => $path eq '/any' ? 'krb5' : 'spnego');
            $is{"$path $service"} = join ' ', $r->status, $r->env->{REMOTE_USER} || 'nobody', $gss->finish($r) && $gss->mutual ? 'proven' : '';
            $should{"$path $service"} = $service eq $services[0] ? "200 alice\@$realm proven" : '401 nobody ';
        }
        for my $key (@services[ 1, 2 ]) {
            my ($r) = masked($path, $key);
            $is{"$path $key masked"} = $r->status;
            $should{"$path $key masked"} = 401;
        }
    }
    is_deeply \%is, \%should, "$how: tokens for HTTP/$host alone are good";
    next if $behavior;
    like $server->log->text, qr/refused \(wrong-service\): GSSAPI accepted the token as HTTP\/b\.example\.test\@EXAMPLE\.TEST, .*HTTP\/$host\@.*LOCAL_ONLY/,
      '... which says who has accepted it';
    like $server->log->text, $advice, '... and was said at start';
    is_deeply [ $server->log->crashes ], [], '... nobody died';
}
