# A name that another module has typed, or that a location has refused, gets no tickets: not in an
# error page, a redirect or a part of a page. Who has passed keeps what is granted.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::MD5 'md5_hex';
use File::Copy 'copy';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::AD;
use NegTest::Httpd qw(apxs mpm);
use NegTest::Ports 'free_port';
use NegTest::Stage;
use NegTest::TLS;

plan skip_all => 'nothing here depends on the MPM; it was tested with event'
  if mpm() eq 'prefork';

my $dir = stage_dir() . '/borrowed';
for ('', qw(/ccaches /pages)) {
    mkdir $dir . $_;
    NegTest::Stage->give_to_httpd($dir . $_, 0700);
}
chmod 0711, $dir;

sub put {
    my ($file, @text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out @text;
    close $out;
    chmod 0755, $file;
    return;
}

my $tls = NegTest::TLS->make_authority($dir);
my ($server_crt, $server_key) = $tls->make_certificate('server');
my %cert = map { $_ => [ $tls->make_certificate($_, subject => "/CN=$_") ] } qw(alice bob);

chomp(my $hash = run([qw(openssl passwd -apr1 right)])->{output});
put("$dir/users", map { "$_:$hash\n" } qw(alice bob alice@OTHER.TEST alice@THIRD.TEST alice@other.test alice@ad.example.test));
put("$dir/digest", map { "$_:borrowed:" . md5_hex("$_:borrowed:right") . "\n" } qw(alice bob));
copy(stage_dir() . '/cgi-bin/env.pl', "$dir/pages/env.pl");
chmod 0755, "$dir/pages/env.pl";
for my $sub (qw(other index open)) {
    mkdir "$dir/pages/$sub";
    copy("$dir/pages/env.pl", "$dir/pages/$sub/env.pl");
    chmod 0755, "$dir/pages/$sub", "$dir/pages/$sub/env.pl";
}
put("$dir/pages/$_", 'a page') for qw(page.txt do.act);
put("$dir/pages/parts.shtml", qq{<!--#include virtual="env.pl" -->\n});
put("$dir/outer.shtml",       qq{<!--#include virtual="/token-cgi/to-open" -->\n});
put("$dir/pages/closed.txt",  'for root alone');
chmod 0600, "$dir/pages/closed.txt";

# --- the locations -----------------------------------------------------------

# How clients come: those of a status are refused with it, with a wrong password unless it is right;
# late => 1: after the tickets may have been asked for.
my $basic   = "AuthType Basic\nAuthUserFile $dir/users";
my %modules = (
    basic  => { status => 401, passes => 1, lines => $basic },
    digest => { status => 401, passes => 1, lines => "AuthType Digest\nAuthUserFile $dir/digest" },
    form   => {
        status => 401,
        passes => 1,
        lines  => "AuthType Form\nAuthFormProvider file\nAuthUserFile $dir/users\nSession On\n"
          . "SessionCookieName form path=/\nAuthFormLoginSuccessLocation /in"
    },
    dead   => { status => 500, lines => "AuthType Basic\nAuthUserFile $dir/nowhere" },
    any    => { status => 401, lines => "$basic\nDeny from all\nSatisfy Any" },
    authz  => { status => 401, right => 1, lines => "$basic\nRequire user nobody" },
    later  => { status => 403, right => 1, late => 1, lines => "$basic\nRewriteRule page(.txt)?\$ - [F]" },
    hidden => { status => 404, right => 1, late => 1, lines => "$basic\nRewriteRule page(.txt)?\$ - [R=404]" },
    card   => { status => 403, right => 1, lines => "SSLUserName SSL_CLIENT_S_DN_CN\nRequire expr false" },
    fake   => { status => 401, right => 1, lines => "$basic\nSSLOptions +FakeBasicAuth" },
    denied => { status => 403, right => 1, late => 1, lines => "AuthType Negotiate\nRequire user nobody" },
    cert   => { passes => 1, lines => "SSLUserName SSL_CLIENT_S_DN_CN\nRequire ssl-verify-client" },
    token  => { passes => 1, lines => 'AuthType Negotiate' },
);
my @refusing = grep { $modules{$_}{status} } sort keys %modules;
my @passing  = grep { $modules{$_}{passes} } sort keys %modules;

# Which page comes in the same configuration, for an error or by itself; and what is asked for.
my %pages = (
    cgi      => [ 'env.pl',        'page.txt' ],
    proxy    => [ 'behind/env.pl', 'behind/page' ],
    ssi      => [ 'parts.shtml',   'page.txt' ],
    rewrite  => [ 'again',         'page.txt' ],
    action   => [ 'do.act',        'page.txt' ],
    fallback => [ 'none',          'page.txt' ],
);
# More ways to env.pl, in location -cgi: for an index, as a variant, in another configuration by a
# redirect and for an index, and for a page that is not there.
my @ways = ('', 'env', 'to-other', 'index/', 'missing');

sub location {
    my ($module, $page, $on, $service) = @_;
    my $at    = "/$module-$page";
    my $m     = $modules{$module};
    my $error = "$at/$pages{$page}[0]";
    my @lines = ('AuthName borrowed', 'RewriteEngine On', $m->{lines}, $on);
    push @lines, 'Require valid-user' if $m->{lines} !~ /Require/;
    push @lines, 'AuthNegotiateImpersonate On' if $m->{lines} !~ /Negotiate/;
    push @lines, "FallbackResource $at/env.pl" if $page eq 'fallback';
    push @lines, 'AuthNegotiateDelegate off', "AuthNegotiateProxyService $service" if $page eq 'proxy';
    push @lines, "Action acting $at/env.pl", "RewriteRule again\$ $at/env.pl", "RewriteRule to-other\$ $at/other/env.pl";
    push @lines, "RewriteRule to-open\$ /seen", map { "ErrorDocument $_ $error" } 401, 403, 404, 500;
    return join "\n", "<Location $at>", @lines, "</Location>\n<LocationMatch ^$at/(?:other|index/env)>\nSetEnv part other\n</LocationMatch>",
      "<Location $at/open/env.pl>\nAuthType None\nRequire all granted\n</Location>\n";
}

sub locations {
    my ($on, $service) = @_;
    my $text = '';
    for my $module (sort keys %modules) {
        $text .= location($module, $_, $on, $service) for sort keys %pages;
    }
    return $text;
}

sub load { return map { "LoadModule ${_}_module " . apxs('LIBEXECDIR') . "/mod_$_.so\n" } @_ }

sub start_server {
    my ($keytab, $on, $service, $more, %env) = @_;
    my $tls_port  = free_port();
    my $load      = join '', load(qw(auth_digest request session session_cookie auth_form));
    my $locations = locations($on, $service);
    my $server = server(env => \%env, conf => <<"CONF")->start;
$load
PassEnv KRB5_CONFIG
AliasMatch "^/\\w+-\\w+/((?!behind).*)" "$dir/pages/\$1"
ScriptAliasMatch "^/(?:backend/env.pl|seen)" \@stage\@/cgi-bin/env.pl
Alias /outer.shtml $dir/outer.shtml
<Location /outer.shtml>
    Options +Includes
</Location>
<Directory "$dir/pages">
    Options +ExecCGI +Includes +MultiViews
    MultiviewsMatch Any
    AddHandler cgi-script .pl
    AddHandler acting .act
    DirectoryIndex env.pl
</Directory>
ProxyPassMatch "^/\\w+-proxy/behind/" http://127.0.0.1:\@port\@/backend/env.pl
AuthNegotiateKeytab "$keytab"
AuthNegotiateDelegate FILE:$dir/ccaches
Listen 127.0.0.1:$tls_port
<VirtualHost 127.0.0.1:$tls_port>
    SSLEngine On
    SSLCertificateFile $server_crt
    SSLCertificateKeyFile $server_key
    SSLCACertificateFile $dir/ca.crt
    SSLVerifyClient optional
</VirtualHost>
$locations
$more
CONF
    return { httpd => $server, tls_port => $tls_port };
}

# --- clients -----------------------------------------------------------------

sub basic { my ($user, $password) = @_; return (Authorization => 'Basic ' . encode_base64("$user:$password", '')) }

sub digest {
    my ($http, $path, $user, $password) = @_;
    my ($nonce) = join(' ', $http->get($path)->challenges) =~ /nonce="([^"]+)"/ or return;
    my $a1 = md5_hex("$user:borrowed:$password");
    my $proof = md5_hex(join ':', $a1, $nonce, '00000001', 'x', 'auth', md5_hex("GET:$path"));
    return (Authorization => qq{Digest username="$user", realm="borrowed", nonce="$nonce", uri="$path", }
          . qq{qop=auth, nc=00000001, cnonce="x", algorithm=MD5, response="$proof"});
}

# A user's request, in the way of that module.
my %tickets_of;    # options of an initiator
sub ask {
    my ($server, $module, $path, $user, $password) = @_;
    my $http = http(port => $server->{httpd}->port);
    return $http->get($path, digest($http, $path, $user, $password)) if $module eq 'digest';
    return $http->get($path, Authorization => NegTest::Initiator->new(@{ $tickets_of{$user} })->authorization) if $module =~ /^(?:token|denied)$/;
    return http(port => $server->{tls_port}, tls => 1, ca_file => $tls->ca_file,
        cert_file => $cert{$user}[0], key_file => $cert{$user}[1])->get($path)
      if $module =~ /^(?:cert|card|fake)$/;
    return $http->get($path, basic($user, $password)) if $module ne 'form';
    my $r = $http->post($path, "httpd_username=$user&httpd_password=$password",
        'Content-Type' => 'application/x-www-form-urlencoded');
    my ($cookie) = ($r->header('Set-Cookie') || '') =~ /^([^;]+)/;
    return $r->status =~ /^3/ ? $http->get($path, Cookie => $cookie) : $r;
}

# Whom the page shows tickets of, in its environment or as the backend knows them.
sub acts_for { my ($r, $page) = @_; return $r->body =~ (($page || '') eq 'proxy' ? qr/^GSS_NAME=(\S+)/m : qr/KRB5CCNAME=(FILE)/) ? $1 : '' }

# --- who is refused, and who is not ------------------------------------------

sub refused {
    my ($server, $module, $asked) = @_;
    my $m = $modules{$module};
    for my $page (sort keys %pages) {
        next if $page eq 'proxy' && $module eq 'fake';    # the backend would take it for a forgery
        my $from = length $asked->();
        my $r = ask($server, $module, "/$module-$page/$pages{$page}[1]", 'bob', $m->{right} ? 'right' : 'wrong');
        my $shows = $page eq 'proxy' ? qr/^who\?$/ : qr/^REDIRECT_STATUS=$m->{status}$/m;
        like $r->body, $shows, "$module, $page: the page for who is refused" or diag $r->status, ' ', $r->body;
        is acts_for($r, $page), '', '... has no tickets';
        my @lines = grep { /bob/ } split /\n/, substr $asked->(), $from;
        is_deeply \@lines, [], '... and the KDC was not asked for any' if !$m->{late};
    }
    return;
}

sub passed {
    my ($server, $module, $user, $path) = @_;
    my ($page) = $path =~ /-(\w+)/;
    my $r = ask($server, $module, "/$path", $user, 'right');
    my $whose = $page eq 'proxy' ? "$user\@AD.EXAMPLE.TEST" : 'FILE';
    my $status = $path =~ /missing/ ? 404 : 200;
    is join(' ', $r->status, acts_for($r, $page)), "$status $whose", "/$path: who has passed has tickets" or diag $r->body;
    return;
}

# --- whose name it is --------------------------------------------------------

sub names_conf {
    my ($on, $service) = @_;
    return <<"CONF";
<Location /realms>
    AuthName borrowed
    $basic
    AuthNegotiateImpersonate On OTHER.TEST
    $on
    ErrorDocument 403 /seen
    Require valid-user
</Location>
<Location /made-proxy/behind>
    AuthName borrowed
    AuthType Negotiate
    AuthNegotiateUser "%{tolower:bob}"
    AuthNegotiateImpersonate On
    AuthNegotiateDelegate off
    AuthNegotiateProxyService $service
    $on
    Require user bob
</Location>
CONF
}

sub cause { my ($r) = @_; return join ' ', $r->status, $r->env->{NEGOTIATE_ERROR} || '' }

sub names {
    my ($server) = @_;
    my $of = sub { cause(ask($server, 'basic', '/realms/env.pl', $_[0], 'right')) };
    isnt $of->('alice@OTHER.TEST'), '403 name', 'a user of a realm that is listed is looked for';
    is $of->("alice\@$_"), '403 name', "... a user of $_ is not" for qw(THIRD.TEST other.test ad.example.test);
    is acts_for(ask($server, 'token', '/made-proxy/behind/env.pl', 'alice'), 'proxy'), 'alice@AD.EXAMPLE.TEST',
      'whoever has shown a ticket acts as its owner, whatever REMOTE_USER is made';
    return;
}

# With mod_lua in it httpd asks for every part of a request anew.
sub changed_names {
    my ($on, %env) = @_;
    return if !-e apxs('LIBEXECDIR') . '/mod_lua.so';
    put("$dir/names.lua", "require 'apache2'\n",
        map { "function $_->[0](r) r.user = '$_->[1]'; return $_->[2] end\n" }
          [ 'untyped', 'alice', 'apache2.OK' ], [ 'changed', 'bob', 'apache2.DECLINED' ]);
    my %lines = (
        untyped => "AuthType Untyped\nLuaHookCheckUserID $dir/names.lua untyped",
        typing  => "$basic\nLuaHookTypeChecker $dir/names.lua changed",
        fixups  => "$basic\nLuaHookFixups $dir/names.lua changed",
        open    => "$basic\nLuaHookAccessChecker $dir/names.lua changed\nRequire all granted",
        kept    => $basic,
    );
    my $locations = join '', map {
        my $require = $lines{$_} =~ /Require/ ? '' : 'Require valid-user';
        "<Location /$_-cgi>\nAuthName borrowed\n$lines{$_}\n$on\nAuthNegotiateImpersonate On\n$require\nErrorDocument 403 /seen\n</Location>\n"
    } sort keys %lines;
    my $server = server(env => \%env, conf => join '', load('lua'), <<"CONF")->start;
ScriptAlias /seen \@stage\@/cgi-bin/env.pl
ScriptAliasMatch "^/\\w+-cgi/env.pl" "\@stage\@/cgi-bin/env.pl"
AuthNegotiateKeytab "@{[ keytab('borrowed') ]}"
AuthNegotiateDelegate FILE:$dir/ccaches
$locations
CONF
    my $get = sub { ask({ httpd => $server }, 'basic', "/$_[0]-cgi/env.pl", 'alice', 'right') };
    is acts_for($get->('kept')), 'FILE', 'a name that nobody changes has tickets';
    is cause($get->($_->[0])), '403 name', $_->[1]
      for [ untyped => 'a name without a word of how it was authenticated' ],
      [ typing => 'a name that is changed after authorization' ], [ open => 'a name where all are let in' ];
    my $r = $get->('fixups');
    is join(' ', $r->status, $r->env->{REMOTE_USER}, acts_for($r)), '200 bob ', 'a name that is changed at last has no tickets';
    is_deeply [ $server->log->crashes ], [], 'nobody died';
    return;
}

my $who = <<'CONF';
<Location /backend>
    AuthType Negotiate
    AuthName backend
    KEYTAB
    Require valid-user
    ErrorDocument 401 "who?"
</Location>
CONF

{
    my $server = start_server('@keytab@', 'AuthNegotiateS4U2Proxy On HTTP@www.example.test', 'HTTP@www.example.test',
        $who =~ s/KEYTAB//r);
    my $asked = sub { join "\n", grep { /PROTOCOL-TRANSITION/ } split /\n/, kdc()->log_text };
    refused($server, $_, $asked) for grep { !$modules{$_}{late} } @refusing;
    is ask($server, 'basic', '/basic-cgi/env.pl', 'alice', 'right')->status, 403, 'for who has passed it is asked';
    like $asked->(), qr/s4u-client=alice\@/, '... as the log of the KDC shows';
    is_deeply [ $server->{httpd}->log->crashes ], [], 'nobody died';
}

SKIP: {
    my $missing = NegTest::AD->missing;
    skip $missing, 1 if $missing;
    my $ad = NegTest::AD->start(dir => stage_dir() . '/ad', log_level => 'kerberos:3');
    my ($back, $to_back) = ('HTTP/back.ad.example.test', 'HTTP@back.ad.example.test');
    $ad->add_user('svc-back', spn => [$back]);
    $ad->modify('svc-web', userAccountControl => 0x1010200, 'msDS-AllowedToDelegateTo' => $back);
    $ad->give_keytab(keytab('borrowed'));
    $ad->add_to_keytab(keytab('borrowed-back'), $back);
    NegTest::Stage->give_to_httpd(keytab('borrowed-back'), 0600);
    my $server = start_server(keytab('borrowed'), "AuthNegotiateS4U2Proxy On account:svc-web $to_back", $to_back,
        names_conf("AuthNegotiateS4U2Proxy On account:svc-web $to_back", $to_back)
          . $who =~ s{KEYTAB}{'AuthNegotiateKeytab ' . keytab('borrowed-back')}er, $ad->env);
    $tickets_of{$_} = [ ccache => $ad->kinit($_, forwardable => 1), krb5_conf => $ad->krb5_conf ] for qw(alice bob);
    my $asked = sub { join "\n", grep { /s4u2self/ } split /\n/, $ad->log_text };
    refused($server, $_, $asked) for @refusing;
    for my $module (@passing) {
        passed($server, $module, 'alice', "$module-$_/$pages{$_}[0]") for sort keys %pages;
        passed($server, $module, 'alice', "$module-cgi/$_") for @ways;
    }
    like $asked->(), qr/impersonating alice\@/, '... and the log of the KDC shows it';
    for my $module (qw(basic token)) {
        my $r = ask($server, $module, "/$module-cgi/closed.txt", 'alice', 'right');
        like $r->body, qr/^REDIRECT_STATUS=403$/m, "$module: a page that httpd may not read";
        is acts_for($r), '', '... is a refusal';
        $r = ask($server, $module, "/$module-cgi/open/", 'alice', 'right');
        is join(' ', $r->status, acts_for($r)), '200 ', "$module: an index where nobody is asked for has no tickets";
    }
    like ask($server, 'token', '/outer.shtml', 'alice')->body, qr/^REDIRECT_GSS_NAME=alice/m, 'a part of a page that is redirected';
    is acts_for(ask($server, 'token', '/outer.shtml', 'alice')), '', '... to a place without delegation';
    names($server);
    is_deeply [ $server->{httpd}->log->crashes ], [], 'nobody died';
    $server->{httpd}->stop;
    changed_names("AuthNegotiateS4U2Proxy On account:svc-web $to_back", $ad->env);
}

done_testing;
